import { PenstockError, TransientError } from "@penstock/core/errors";
import type { Dispatcher } from "undici";
import { type Conceal, concealing } from "./conceal.ts";
import { checkHeaderValue } from "./headers.ts";
import type { InStep } from "./request-step.ts";
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
  inStep: InStep;
};

/** A request as it goes out but for its credentials. */
export type UnsignedRequest = {
  method: string;
  /** With its query. */
  url: string;
  /** JSON text, byte for byte; `undefined` where there is none. */
  body: string | undefined;
};

export type Authorizer = {
  /** Rejects with the errors of the request for a token, where one is needed. */
  credentials(request: UnsignedRequest, signal: AbortSignal): Promise<Credentials>;
  /** New ones in place of those that the API refused, or `undefined` where there is nothing to renew. */
  renew(refused: Credentials, request: UnsignedRequest, signal: AbortSignal): Promise<Credentials | undefined>;
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

export type CredentialsAsked = {
  /** What the credentials are for: APIs that want a request signed want its parts. */
  request: UnsignedRequest;
  /** Whether the API refused those that the function gave before. */
  isRefused: boolean;
  signal: AbortSignal;
};

/**
 * Credentials that a function makes, for each request anew. Every value it gives is treated as a secret. After a 401 it is
 * asked once more, with `isRefused`. A redirect is followed with those of the request that led there.
 */
export function customAuth(make: (asked: CredentialsAsked) => Credentials | Promise<Credentials>): Auth {
  return {
    kind: "custom",
    open: ({ source }) => {
      const secrets = createSecrets();
      const ask = async (asked: CredentialsAsked) => {
        const { headers = {}, query = {} } = await made(source, asked, make);
        for (const value of [...Object.values(headers), ...Object.values(query)]) secrets.add(...secretsIn(value));
        return { headers: lowerCased(headers), query };
      };
      return {
        credentials: (request, signal) => ask({ request, isRefused: false, signal }),
        renew: (_refused, request, signal) => ask({ request, isRefused: true, signal }),
        conceal: concealing(secrets.all),
      };
    },
  };
}

/** A function may ask some other service, so that its failure may pass. What it says of it may hold secrets that nobody knows of. */
async function made(
  source: string,
  asked: CredentialsAsked,
  make: (asked: CredentialsAsked) => Credentials | Promise<Credentials>,
): Promise<Credentials> {
  try {
    return await make(asked);
  } catch (cause) {
    if (cause instanceof PenstockError || asked.signal.aborted) throw cause;
    const kind = cause instanceof Error ? cause.name : typeof cause;
    throw new TransientError("AUTH_FAILED", `source ${source}: the function of its customAuth threw (${kind})`, {
      source,
      cause,
    });
  }
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
