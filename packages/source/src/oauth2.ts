import { PermanentError } from "@penstock/core/errors";
import { type Auth, type AuthDeps, type Authorizer, type Credentials, createSecrets } from "./auth.ts";
import { concealing } from "./conceal.ts";
import { escapeExcerpt } from "./describe-value.ts";
import { type Grant, requestToken, type TokenClient } from "./oauth2-token.ts";
import { createSharedToken } from "./shared-token.ts";
import { sealId } from "./token-seal.ts";
import { createMemoryTokens } from "./token-store.ts";

export type OAuth2Options = {
  /** Address of the token endpoint. */
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  scope?: string;
  /** Where client id and secret are sent; default `header` (RFC 6749 §2.3.1). */
  clientAuth?: "header" | "body";
  /** Further form fields, such as `audience`. */
  parameters?: Record<string, string>;
};

/**
 * A token that the source's own account is given (RFC 6749 §4.4), shared by all processes until it expires or is refused.
 *
 * @throws RangeError for a token endpoint that is no address
 */
export function oauth2ClientCredentials(options: OAuth2Options): Auth {
  const client = clientOf(options);
  return {
    kind: "oauth2ClientCredentials",
    open: (deps) => openOAuth2(deps, client, options.clientSecret, () => ({ grant_type: "client_credentials" })),
  };
}

/**
 * Tokens from a refresh token that a person consented to (RFC 6749 §6). Where the API rotates it, what is stored in the
 * database goes on from there; a new one in the environment starts anew.
 *
 * @throws RangeError for a token endpoint that is no address
 */
export function oauth2RefreshToken(
  options: Omit<OAuth2Options, "clientSecret"> & { clientSecret?: string; refreshToken: string },
): Auth {
  const { refreshToken, clientSecret } = options;
  const client = clientOf(options);
  return {
    kind: "oauth2RefreshToken",
    needsTokens: true,
    open: (deps) => {
      if (deps.tokens === undefined) return withoutStore(deps);
      return openOAuth2(
        deps,
        client,
        clientSecret ?? refreshToken,
        (stored = refreshToken) => {
          return { grant_type: "refresh_token", refresh_token: stored };
        },
        refreshToken,
      );
    },
  };
}

function clientOf(options: Omit<OAuth2Options, "clientSecret"> & { clientSecret?: string }): TokenClient {
  const { tokenUrl, clientId, clientSecret, clientAuth = "header", scope, parameters = {} } = options;
  if (!/^https?:$/.test(URL.parse(tokenUrl)?.protocol ?? ""))
    throw new RangeError(`tokenUrl: expected an http(s) URL, received "${escapeExcerpt(tokenUrl)}"`);
  const asked = scope === undefined ? parameters : { ...parameters, scope };
  return { tokenUrl, clientId, clientSecret, clientAuth, parameters: asked };
}

function openOAuth2(
  deps: AuthDeps,
  client: TokenClient,
  secret: string,
  grantOf: (refreshToken: string | undefined) => Grant,
  ...lasting: string[]
): Authorizer {
  const { source, dispatcher, inStep, tokens: store = createMemoryTokens() } = deps;
  const secrets = createSecrets(secret, ...lasting);
  const conceal = concealing(secrets.all);
  const what = JSON.stringify([client.tokenUrl, client.clientId, client.parameters, lasting]);
  const token = createSharedToken({
    source,
    id: `${source}_${sealId(secret, what)}`,
    secret,
    store,
    grant: (refreshToken) =>
      inStep({ name: "token", host: new URL(client.tokenUrl).host }, () =>
        requestToken({ source, dispatcher, client, conceal, timeoutMs: tokenTimeoutMs }, grantOf(refreshToken)),
      ),
    onSecrets: (seen) => secrets.add(...seen),
  });
  return {
    credentials: async (_request, signal) => bearing(await token.current(signal)),
    renew: async (refused, _request, signal) => bearing(await token.renewed(tokenIn(refused), signal)),
    conceal,
  };
}

const tokenTimeoutMs = 20_000;
const scheme = "Bearer ";

function bearing(token: string): Credentials {
  return { headers: { authorization: `${scheme}${token}` } };
}

function tokenIn({ headers }: Credentials): string {
  return headers?.["authorization"]?.slice(scheme.length) ?? "";
}

/** A rotated refresh token that is kept nowhere would be lost, and the account with it. */
function withoutStore({ source }: AuthDeps): Authorizer {
  const refuse = async () => {
    throw new PermanentError("TOKEN_REFUSED", `source ${source} needs the database, where its refresh token is kept`, {
      source,
    });
  };
  return { credentials: refuse, renew: refuse, conceal: (text) => text };
}
