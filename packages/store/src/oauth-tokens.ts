import type { Connection } from "./connection.ts";
import type { Store } from "./store.ts";

/** Tokens that all processes share. Each method is one statement, so that of several processes one has its way. */
export function createOauthTokens({ db, dialect, ask, transact }: Connection): Store["tokens"] {
  return {
    read: (id) =>
      ask(async () => {
        const found = await db.oauthToken.findUnique({ where: { id } });
        return found === null || found.sealed === null ? undefined : { sealed: found.sealed, version: found.version };
      }),
    lease: (id, holder, leaseMs) =>
      transact(async (tx) => {
        const taken = await tx.$executeRaw`
          INSERT INTO oauth_tokens (id, lease_holder, lease_until, updated_at) VALUES (${id}, ${holder}, ${dialect.later(leaseMs)}, ${dialect.now})
          ON CONFLICT (id) DO UPDATE SET lease_holder = excluded.lease_holder, lease_until = excluded.lease_until
          WHERE oauth_tokens.lease_until IS NULL OR oauth_tokens.lease_until < ${dialect.now}`;
        return taken === 1;
      }),
    save: (id, version, sealed) =>
      transact(async (tx) => {
        const saved = await tx.$executeRaw`
          INSERT INTO oauth_tokens (id, sealed, version, updated_at) VALUES (${id}, ${sealed}, ${version + 1}, ${dialect.now})
          ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, version = excluded.version, updated_at = excluded.updated_at,
            lease_holder = NULL, lease_until = NULL
          WHERE oauth_tokens.version = ${version}`;
        return saved === 1;
      }),
    release: (id, holder) =>
      transact(async (tx) => {
        await tx.$executeRaw`
          UPDATE oauth_tokens SET lease_holder = NULL, lease_until = NULL WHERE id = ${id} AND lease_holder = ${holder}`;
      }),
  };
}
