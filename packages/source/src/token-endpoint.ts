import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

export type TokenEndpoint = {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Forms it was sent, with the account that sent them. */
  grants: { form: Record<string, string>; authorization: string | undefined }[];
  /** The only access token that is accepted. */
  current(): string;
  /** Makes the current access token worthless, as an API does that revokes it. */
  revoke(): void;
  isAuthorized(request: IncomingMessage): boolean;
};

/**
 * An API with a token endpoint at `/token`, for tests: each refresh token works once, and using one again revokes all, as
 * RFC 9700 §4.14 advises.
 */
export function createTokenEndpoint(options: { refreshToken?: string; expiresIn?: number } = {}): TokenEndpoint {
  let issued = 0;
  let refreshToken = options.refreshToken ?? "refresh-secret-0";
  let accessToken = "";
  const grants: TokenEndpoint["grants"] = [];

  async function grant(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = Object.fromEntries(new URLSearchParams(await text(request)));
    grants.push({ form, authorization: request.headers.authorization });
    if (form["grant_type"] === "refresh_token" && form["refresh_token"] !== refreshToken) {
      refreshToken = "";
      accessToken = "";
      response.writeHead(400).end('{"error":"invalid_grant"}');
      return;
    }
    issued += 1;
    accessToken = `access-secret-${issued}`;
    refreshToken = `refresh-secret-${issued}`;
    response.end(
      JSON.stringify({
        access_token: accessToken,
        token_type: "Bearer",
        expires_in: options.expiresIn ?? 3_600,
        ...(form["grant_type"] === "refresh_token" && { refresh_token: refreshToken }),
      }),
    );
  }

  const isAuthorized = (request: IncomingMessage) =>
    accessToken !== "" && request.headers.authorization === `Bearer ${accessToken}`;
  return {
    grants,
    isAuthorized,
    current: () => accessToken,
    revoke: () => {
      accessToken = "";
    },
    handle: (request, response) => {
      if (request.url === "/token") void grant(request, response);
      else response.writeHead(isAuthorized(request) ? 200 : 401).end('{"items":[]}');
    },
  };
}
