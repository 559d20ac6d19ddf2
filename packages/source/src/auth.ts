import type { Dispatcher } from "undici";
import { type Conceal, concealing } from "./conceal.ts";
import { checkHeaderValue } from "./headers.ts";
import type { TokenStore } from "./token-store.ts";

/** What a request carries to say who asks. Sent to the source's own origin only. */
export type Credentials = { headers?: Record<string, string>; query?: Record<string, string> };

/** How a source authenticates. Opened once per process; closures hold the secrets, so that no log or job can show them. */
export type Auth = {
  kind: string;
  /** Asks nothing without {@link AuthDeps.tokens}. */
  needsTokens?: boolean;
  open(deps: AuthDeps): Authorizer;
};

export type AuthDeps = {
  source: string;
  /** Where tokens are shared with other processes. */
  tokens: TokenStore | undefined;
  dispatcher: Dispatcher;
};

export type Authorizer = {
  /** Rejects with the errors of the request for a token, where one is needed. */
  credentials(signal: AbortSignal): Promise<Credentials>;
  /** New ones in place of those that the API refused, or `undefined` where there is nothing to renew. */
  renew(refused: Credentials, signal: AbortSignal): Promise<Credentials | undefined>;
  /** Takes every secret out of a text, the tokens of earlier requests too. */
  conceal: Conceal;
};

export const noAuth: Auth = fixed("none", {}, []);

/**
 * `Authorization: Bearer <token>` (RFC 6750 §2.1).
 *
 * @throws RangeError for a token that no header can hold
 */
export function bearer(token: string): Auth {
  checkHeaderValue("the token of bearer()", token);
  return fixed("bearer", { headers: { authorization: `Bearer ${token}` } }, [token]);
}

/**
 * A key in a header or in the query: `apiKey({ key, header: "x-api-key" })`, `apiKey({ key, query: "api_key" })`.
 *
 * @throws RangeError for a key that no header can hold
 */
export function apiKey(options: { key: string } & ({ header: string } | { query: string })): Auth {
  const { key } = options;
  if ("header" in options) checkHeaderValue("the key of apiKey()", key);
  const credentials: Credentials =
    "header" in options ? { headers: { [options.header.toLowerCase()]: key } } : { query: { [options.query]: key } };
  return fixed("apiKey", credentials, [key]);
}

/** `Authorization: Basic …` (RFC 7617), in UTF-8. Without a password the user is the secret: so some APIs take their key. */
export function basic({ user, password }: { user: string; password: string }): Auth {
  const encoded = Buffer.from(`${user}:${password}`).toString("base64");
  return fixed("basic", { headers: { authorization: `Basic ${encoded}` } }, [encoded, password || user]);
}

/**
 * Credentials that a function makes, for each request anew. Every value it gives is treated as a secret. After a 401 it is
 * asked once more, with `isRefused`.
 */
export function customAuth(
  make: (request: { isRefused: boolean; signal: AbortSignal }) => Credentials | Promise<Credentials>,
): Auth {
  return {
    kind: "custom",
    open: () => {
      const secrets = createSecrets();
      const ask = async (isRefused: boolean, signal: AbortSignal) => {
        const { headers = {}, query = {} } = await make({ isRefused, signal });
        for (const value of [...Object.values(headers), ...Object.values(query)]) secrets.add(...secretsIn(value));
        return { headers: lowerCased(headers), query };
      };
      return {
        credentials: (signal) => ask(false, signal),
        renew: (_refused, signal) => ask(true, signal),
        conceal: concealing(secrets.all),
      };
    },
  };
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Schemes such as `Bearer` are short; what follows is the secret, which an API may repeat without the scheme. */
function secretsIn(value: string): string[] {
  return [value, ...value.split(/\s+/).filter((word) => word.length >= 8)];
}

function fixed(kind: string, credentials: Credentials, secrets: string[]): Auth {
  const authorizer: Authorizer = {
    credentials: async () => credentials,
    renew: async () => undefined,
    conceal: concealing(() => secrets),
  };
  return { kind, open: () => authorizer };
}

/** More than are in use at once: requests that were sent with an older one may still be under way. */
const rememberedSecrets = 64;

/** The newest secrets, of which a process may see many. */
export function createSecrets(...lasting: string[]) {
  const seen = new Set<string>();
  return {
    add(...secrets: string[]): void {
      for (const secret of secrets) seen.add(secret);
      for (const oldest of seen) {
        if (seen.size <= rememberedSecrets) return;
        seen.delete(oldest);
      }
    },
    all: (): string[] => [...lasting, ...seen],
  };
}
