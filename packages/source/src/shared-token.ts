import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { InfrastructureError, TransientError } from "@penstock/core/errors";
import type { GrantedTokens } from "./oauth2-token.ts";
import { seal, unseal } from "./token-seal.ts";
import type { StoredTokens, TokenStore } from "./token-store.ts";

/** As stored. `staleAt` is in milliseconds of the epoch, some time before the token expires; `null`: only a 401 tells. */
type Tokens = { accessToken: string; refreshToken: string | null; staleAt: number | null };

export type SharedTokenOptions = {
  source: string;
  id: string;
  /** What the stored tokens are encrypted with. */
  secret: string;
  store: TokenStore;
  /** Asks the token endpoint, with the refresh token stored last. */
  grant(refreshToken: string | undefined): Promise<GrantedTokens>;
  /** Told of every secret before it is used. */
  onSecrets(secrets: string[]): void;
};

export type SharedToken = {
  /** An access token that is not known to be refused. */
  current(signal: AbortSignal): Promise<string>;
  /** One in place of `refused`: another process' if there is one by now, else a new one. */
  renewed(refused: string, signal: AbortSignal): Promise<string>;
};

// Longer than a request for a token may take, so that no two are under way.
const leaseMs = 60_000;
const patienceMs = 90_000;
const lookAgainMs = 150;
const longestMarginMs = 60_000;

/**
 * One access token for all processes. Whoever finds it stale takes the lease, looks again – another may have been faster –
 * asks for a new one, and stores it before anybody uses it: a rotated refresh token works once, and the next one must not
 * be lost with the process. All others wait for what it stores.
 */
export function createSharedToken(options: SharedTokenOptions): SharedToken {
  const { source, id, secret, store, grant, onSecrets } = options;
  const holder = randomUUID();
  let held: Tokens | undefined;
  let unsaved: { tokens: Tokens; version: number } | undefined;
  let underWay: Promise<string> | undefined;

  async function read(): Promise<{ tokens: Tokens | undefined; version: number }> {
    const stored = await store.read(id);
    const tokens = stored && opened(stored);
    if (tokens !== undefined) hold(tokens);
    return { tokens, version: stored?.version ?? 0 };
  }

  function opened({ sealed }: StoredTokens): Tokens {
    const tokens: Tokens = JSON.parse(unseal(secret, id, sealed));
    return tokens;
  }

  function hold(tokens: Tokens): void {
    onSecrets([tokens.accessToken, tokens.refreshToken ?? ""]);
    held = tokens;
  }

  async function obtain(refused: string | undefined): Promise<string> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      await saveUnsaved();
      const { tokens } = await read();
      const fresh =
        usable(tokens, refused) ?? ((await store.lease(id, holder, leaseMs)) ? await refresh(refused) : undefined);
      if (fresh !== undefined) return fresh;
      if (performance.now() > deadline) throw stillLeased(source);
      await delay(lookAgainMs * (1 + Math.random()));
    }
  }

  /** `undefined` when somebody else stored tokens meanwhile: those count. */
  async function refresh(refused: string | undefined): Promise<string | undefined> {
    try {
      const { tokens, version } = await read();
      const others = usable(tokens, refused);
      if (others !== undefined) return others;
      const fresh = toTokens(await grant(tokens?.refreshToken ?? undefined), tokens?.refreshToken ?? null);
      onSecrets([fresh.accessToken, fresh.refreshToken ?? ""]);
      unsaved = { tokens: fresh, version };
      return (await saveUnsaved()) ? fresh.accessToken : undefined;
    } finally {
      await store.release(id, holder).catch(ignoreOutage);
    }
  }

  /** Kept for the next try when the database is away: the API may not give these tokens again. */
  async function saveUnsaved(): Promise<boolean> {
    if (unsaved === undefined) return false;
    const { tokens, version } = unsaved;
    const isSaved = await store.save(id, version, seal(secret, id, JSON.stringify(tokens)));
    unsaved = undefined;
    if (isSaved) hold(tokens);
    return isSaved;
  }

  function once(refused: string | undefined, signal: AbortSignal): Promise<string> {
    underWay ??= obtain(refused).finally(() => {
      underWay = undefined;
    });
    return orAborted(underWay, signal);
  }

  return {
    current: async (signal) => usable(held, undefined) ?? once(undefined, signal),
    renewed: async (refused, signal) => {
      const token = await once(refused, signal);
      // It may have been under way already, for whoever did not know yet that this one is refused.
      return token === refused ? once(refused, signal) : token;
    },
  };
}

/** The access token, if it is worth sending. */
function usable(tokens: Tokens | undefined, refused: string | undefined): string | undefined {
  if (tokens === undefined || tokens.accessToken === refused) return undefined;
  return tokens.staleAt === null || tokens.staleAt > Date.now() ? tokens.accessToken : undefined;
}

function toTokens({ accessToken, refreshToken, lifetimeMs }: GrantedTokens, before: string | null): Tokens {
  const marginMs = Math.min(longestMarginMs, (lifetimeMs ?? 0) / 10);
  const staleAt = lifetimeMs === undefined ? null : Date.now() + lifetimeMs - marginMs;
  return { accessToken, refreshToken: refreshToken ?? before, staleAt };
}

/** The lease ends by itself. */
function ignoreOutage(error: unknown): void {
  if (!(error instanceof InfrastructureError)) throw error;
}

function stillLeased(source: string): TransientError {
  const message = `another process has been refreshing the token of source ${source} for ${patienceMs / 1_000} s`;
  return new TransientError("TIMEOUT", message, { source });
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
