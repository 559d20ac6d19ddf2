import type { Access } from "@penstock/store/access";

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
  return { key: keys.find, session: sessions.find, forgetSession: sessions.forget };
}

function remember<T>(find: (id: string) => Promise<T | undefined>, now: () => number) {
  const known = new Map<string, { found: Promise<T | undefined>; askedAt: number }>();
  const forget = (id: string) => void known.delete(id);
  const ask = async (id: string): Promise<T | undefined> => {
    if (known.size >= maxKnown) known.clear();
    const asked = { found: find(id), askedAt: now() };
    known.set(id, asked);
    const forgetThis = () => {
      if (known.get(id) === asked) forget(id);
    };
    try {
      const found = await asked.found;
      if (found === undefined) forgetThis();
      return found;
    } catch (error) {
      forgetThis();
      throw error;
    }
  };
  return {
    forget,
    find: (id: string): Promise<T | undefined> => {
      const last = known.get(id);
      return last !== undefined && now() - last.askedAt < knownMs ? last.found : ask(id);
    },
  };
}
