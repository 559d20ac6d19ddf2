import { basicCredentials } from "./basic-credentials.ts";

export type Oauth2Options = {
  grant: "client_credentials" | "refresh_token";
  clientId: string;
  clientSecret: string;
  /** The first refresh token; of the grant of that name only. */
  refreshToken?: string;
  /** How long an access token lasts; default an hour. */
  expiresInMs?: number;
  /**
   * What using a refresh token does to it: `none` leaves it, `rotating` gives a new one beside it, `single-use` gives a new
   * one and takes a second use for theft, after which nothing is valid any more (RFC 9700 §4.14.2).
   */
  rotation?: "none" | "rotating" | "single-use";
};

export type TokenAnswer = { status: number; body: Record<string, string | number> };

export type Oauth2Server = {
  /** `form` is the request's body, `authorization` its header. */
  issue(form: URLSearchParams, authorization: string | undefined): TokenAnswer;
  isValid(authorization: string | undefined): boolean;
  /** As when the API ends its sessions: no access token is valid any more. */
  expireAccessTokens(): void;
  /** Access tokens that were given out. */
  issued(): number;
};

const hourMs = 3_600_000;

export function createOauth2Server(options: Oauth2Options, now: () => number): Oauth2Server {
  const { rotation = "none", expiresInMs = hourMs } = options;
  const access = new Map<string, number>();
  const refresh = new Set(options.refreshToken === undefined ? [] : [options.refreshToken]);
  const used = new Set<string>();
  let issued = 0;

  function grant(extra: Record<string, string>): TokenAnswer {
    issued += 1;
    access.set(`access-${issued}`, now() + expiresInMs);
    const body = {
      access_token: `access-${issued}`,
      token_type: "Bearer",
      expires_in: Math.floor(expiresInMs / 1_000),
    };
    return { status: 200, body: { ...body, ...extra } };
  }

  function rotate(token: string): TokenAnswer {
    if (used.has(token)) {
      access.clear();
      refresh.clear();
    }
    if (!refresh.has(token)) return refused("invalid_grant");
    if (rotation === "none") return grant({});
    if (rotation === "single-use") {
      refresh.delete(token);
      used.add(token);
    }
    const next = `refresh-${issued + 1}`;
    refresh.add(next);
    return grant({ refresh_token: next });
  }

  function issue(form: URLSearchParams, authorization: string | undefined): TokenAnswer {
    if (!isClient(options, form, authorization)) return { status: 401, body: { error: "invalid_client" } };
    if (form.get("grant_type") !== options.grant) return refused("unsupported_grant_type");
    return options.grant === "client_credentials" ? grant({}) : rotate(form.get("refresh_token") ?? "");
  }

  return {
    issue,
    isValid: (authorization) => (access.get(authorization?.replace(/^Bearer /, "") ?? "") ?? 0) > now(),
    expireAccessTokens: () => access.clear(),
    issued: () => issued,
  };
}

function refused(error: string): TokenAnswer {
  return { status: 400, body: { error } };
}

/** Client credentials in the header or in the body (RFC 6749 §2.3.1). */
function isClient(options: Oauth2Options, form: URLSearchParams, authorization: string | undefined): boolean {
  const { clientId, clientSecret } = options;
  if (authorization !== undefined) return authorization === basicCredentials(clientId, clientSecret);
  return form.get("client_id") === clientId && form.get("client_secret") === clientSecret;
}
