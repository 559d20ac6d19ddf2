import type { Scope } from "@penstock/api-contract/route";
import type { Access, ApiKey } from "@penstock/store/access";
import { authorOf } from "../author.ts";
import { rememberAccess } from "./remember-access.ts";
import { hashOf, isSecret, newToken, parseKey } from "./secrets.ts";

/** Who asks. `open`: nobody in particular, on this machine, where no key is needed. */
export type Caller = { kind: "open" | "key" | "session"; name: string; scope: Scope; expiresAt: Date | null };

/** What a request shows of its caller. One that only reads is let in on what was known of its key within the last second. */
export type Credentials = {
  authorization: string | undefined;
  sessionToken: string | undefined;
  isReading: boolean;
};

export type Callers = {
  /** `undefined` when a key is needed, and what was shown is none that holds. */
  identify(credentials: Credentials): Promise<Caller | undefined>;
  /** A session for whoever has this key: the token for the cookie; `undefined` when the key does not hold. */
  login(key: string): Promise<{ token: string; caller: Caller; maxAgeMs: number } | undefined>;
  logout(sessionToken: string, caller: Caller | undefined): Promise<void>;
  isOpen(): Promise<boolean>;
};

const sessionMs = 12 * 3_600_000;
/** Compared with when there is no such key, so that answering takes as long. */
const nobody = hashOf("");

/** @param mayBeOpen whether only this machine can reach the API, and only this process has the queues */
export function createCallers(access: Access, { mayBeOpen }: { mayBeOpen: boolean }): Callers {
  const remembered = rememberAccess(access);
  const open: Caller = { kind: "open", name: "this machine", scope: "admin", expiresAt: null };
  // Once there was a key, one is needed for good: revoking the last must not open the door.
  let hasKeys = false;
  const isOpen = async () => {
    if (!mayBeOpen || hasKeys) return false;
    hasKeys = await access.hasKeys();
    return !hasKeys;
  };

  const byKey = async (text: string, { key: find }: Pick<Access, "key">): Promise<ApiKey | undefined> => {
    const parsed = parseKey(text);
    const key = parsed && (await find(parsed.id));
    const isRight = isSecret(parsed?.secret ?? "none", key?.secretHash ?? nobody);
    return key !== undefined && isRight && isValid(key) ? key : undefined;
  };

  const bySession = async (token: string, { session: find }: Pick<Access, "session">): Promise<Caller | undefined> => {
    const session = await find(hashOf(token));
    if (session === undefined || session.expiresAt <= new Date() || !isValid(session.key)) return undefined;
    const { name, scope } = session.key;
    return { kind: "session", name, scope, expiresAt: session.expiresAt };
  };

  return {
    isOpen,
    identify: async ({ authorization, sessionToken, isReading }) => {
      const known = isReading ? remembered : access;
      if (authorization !== undefined) {
        const [, bearer = ""] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
        const key = await byKey(bearer, known);
        return key && { kind: "key", name: key.name, scope: key.scope, expiresAt: key.expiresAt };
      }
      if (sessionToken !== undefined) {
        const caller = await bySession(sessionToken, known);
        if (caller !== undefined) return caller;
        // Whoever is refused a change asks at once whether the session holds, and must not be told what was remembered before the key was revoked.
        if (!isReading) remembered.forgetSession(hashOf(sessionToken));
      }
      return (await isOpen()) ? open : undefined;
    },
    login: async (text) => {
      const key = await byKey(text, access);
      if (key === undefined) return undefined;
      const leftMs = key.expiresAt === null ? sessionMs : key.expiresAt.getTime() - Date.now();
      const maxAgeMs = Math.min(sessionMs, leftMs);
      const token = newToken();
      const expiresAt = new Date(Date.now() + maxAgeMs);
      const caller: Caller = { kind: "session", name: key.name, scope: key.scope, expiresAt };
      const session = { tokenHash: hashOf(token), keyId: key.id, lifetimeMs: maxAgeMs };
      await access.createSession(session, authorOf(caller));
      return { token, maxAgeMs, caller };
    },
    logout: async (token, caller) => {
      await access.endSession(hashOf(token), authorOf(caller));
      remembered.forgetSession(hashOf(token));
    },
  };
}

function isValid({ revokedAt, expiresAt }: ApiKey): boolean {
  return revokedAt === null && (expiresAt === null || expiresAt > new Date());
}
