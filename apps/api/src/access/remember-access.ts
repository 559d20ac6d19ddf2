import type { Access } from "@penstock/store/access";
import { LRUCache } from "lru-cache";

/** What was found of a key or session is taken for true so long. */
const knownMs = 1_000;
/** Of each. More are not kept: nobody has so many who ask within a second. */
const maxKnown = 10_000;

export type RememberedAccess = Pick<Access, "key" | "session"> & { forgetSession(tokenHash: string): void };

/**
 * Keys and sessions as they were within the last second, so that many who read do not ask the database as often for who they are as for
 * what they read. What is not there is not remembered: a key holds as soon as it is made.
 */
export function rememberAccess(
  access: Pick<Access, "key" | "session">,
  now = () => performance.now(),
): RememberedAccess {
  const keys = remember(access.key, now);
  const sessions = remember(access.session, now);
  return {
    key: (id) => keys.fetch(id),
    session: (tokenHash) => sessions.fetch(tokenHash),
    forgetSession: (tokenHash) => void sessions.delete(tokenHash),
  };
}

function remember<T extends object>(find: (id: string) => Promise<T | undefined>, now: () => number) {
  return new LRUCache<string, T>({ max: maxKnown, ttl: knownMs, ttlResolution: 0, perf: { now }, fetchMethod: find });
}
