import type { Author } from "@penstock/core/audit";
import { noteAction } from "./audit-log.ts";
import type { Connection } from "./connection.ts";
import { instantOf } from "./instant-of.ts";

/** Keys of the HTTP API and the sessions they opened. Secrets come and are kept as hashes only. */
export type Access = {
  /** False when there is a key of that name that was not revoked. */
  createKey(key: NewApiKey, author: Author): Promise<boolean>;
  /** Newest first; revoked ones too. */
  keys(): Promise<ApiKey[]>;
  /** Ends the key and its sessions; false when there is no such key, or it is revoked already. */
  revokeKey(id: string, author: Author): Promise<boolean>;
  /** Asked with every request that does something, and once a second for those that read, as {@link Access.session} is. */
  key(id: string): Promise<(ApiKey & { secretHash: string }) | undefined>;
  /** True once a key was made, even if it was revoked since. */
  hasKeys(): Promise<boolean>;
  createSession(session: { tokenHash: string; keyId: string; lifetimeMs: number }, author: Author): Promise<void>;
  /** The session with its key; `undefined` when it is over. */
  session(tokenHash: string): Promise<{ key: ApiKey; expiresAt: Date } | undefined>;
  endSession(tokenHash: string, author: Author): Promise<void>;
};

export const keyScopes = ["read", "operate", "admin"] as const;
export type KeyScope = (typeof keyScopes)[number];
export type NewApiKey = { id: string; name: string; scope: KeyScope; secretHash: string; expiresAt: Date | null };
export type ApiKey = {
  id: string;
  name: string;
  scope: KeyScope;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
};

type KeyRow = Omit<ApiKey, "scope"> & { scope: string; secretHash: string };

const apiKey = ({ secretHash: _secret, scope, ...key }: KeyRow): ApiKey => ({ ...key, scope: scope as KeyScope });

/** A row of `api_keys` as the driver gives it. */
type RawKey = { id: string; name: string; scope: string; secret_hash: string } & {
  [column in "created_at" | "expires_at" | "revoked_at"]: string | Date | null;
};

function keyOfRow(row: RawKey): ApiKey & { secretHash: string } {
  const { id, name, scope, secret_hash: secretHash } = row;
  return {
    ...{ id, name, scope: scope as KeyScope, secretHash },
    createdAt: new Date(row.created_at ?? Number.NaN),
    expiresAt: instantOf(row.expires_at),
    revokedAt: instantOf(row.revoked_at),
  };
}

export function createAccess({ db, dialect, ask, transact, statements }: Connection): Access {
  return {
    createKey: ({ id, name, scope, secretHash, expiresAt }, author) =>
      transact(async (tx) => {
        if ((await tx.apiKey.findFirst({ where: { name, revokedAt: null } })) !== null) return false;
        await tx.apiKey.create({ data: { id, name, scope, secretHash, expiresAt, createdAt: new Date() } });
        await noteAction(tx, dialect, { ...author, action: "key.create", target: id, details: { name, scope } });
        return true;
      }),
    keys: () => ask(async () => (await db.apiKey.findMany({ orderBy: { createdAt: "desc" } })).map(apiKey)),
    revokeKey: (id, author) =>
      transact(async (tx) => {
        const { count } = await tx.apiKey.updateMany({
          where: { id, revokedAt: null },
          data: { revokedAt: new Date() },
        });
        await tx.apiSession.deleteMany({ where: { keyId: id } });
        if (count === 1) await noteAction(tx, dialect, { ...author, action: "key.revoke", target: id });
        return count === 1;
      }),
    key: (id) =>
      ask(async () => {
        const { $queryRaw } = await statements();
        const [row] = await $queryRaw<RawKey[]>`SELECT * FROM api_keys WHERE id = ${id}`;
        return row && keyOfRow(row);
      }),
    hasKeys: () => ask(async () => (await db.apiKey.findFirst({ select: { id: true } })) !== null),
    createSession: ({ tokenHash, keyId, lifetimeMs }, author) =>
      transact(async (tx) => {
        await tx.$executeRaw`DELETE FROM api_sessions WHERE expires_at < ${dialect.now}`;
        await tx.$executeRaw`
          INSERT INTO api_sessions (token_hash, key_id, created_at, expires_at)
          VALUES (${tokenHash}, ${keyId}, ${dialect.now}, ${dialect.later(lifetimeMs)})`;
        await noteAction(tx, dialect, { ...author, action: "session.start", target: keyId });
      }),
    session: (tokenHash) =>
      ask(async () => {
        const { $queryRaw } = await statements();
        const [row] = await $queryRaw<(RawKey & { session_expires_at: string | Date })[]>`
          SELECT k.*, s.expires_at AS session_expires_at
          FROM api_sessions s JOIN api_keys k ON k.id = s.key_id WHERE s.token_hash = ${tokenHash}`;
        if (row === undefined) return undefined;
        const { secretHash: _, ...key } = keyOfRow(row);
        return { key, expiresAt: new Date(row.session_expires_at) };
      }),
    endSession: (tokenHash, author) =>
      transact(async (tx) => {
        const session = await tx.apiSession.findUnique({ where: { tokenHash } });
        if (session === null) return;
        await tx.apiSession.deleteMany({ where: { tokenHash } });
        await noteAction(tx, dialect, { ...author, action: "session.end", target: session.keyId });
      }),
  };
}
