import { setTimeout as delay } from "node:timers/promises";
import type { SqlDriverAdapter } from "@prisma/driver-adapter-utils";
import type { LazyClient, Prisma, Transaction } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import { isBusy, isConflict, translateError } from "./errors.ts";
import { checkMigrated } from "./migrate.ts";
import type { Migration } from "./migrations.ts";
import { inDriverTransaction, type Statements, statementsOf } from "./statements.ts";
import type { PoolUse } from "./store.ts";
import type { WalCopier } from "./wal-copier.ts";

/** A database with the means to work in it: what the parts of the store are made of. */
export type Connection = {
  /** For reading only: on SQLite it sees what is committed, and nothing that is written through it would be safe. */
  db: Prisma;
  dialect: Dialect;
  /**
   * The work in one transaction, again at once after a deadlock or serialization failure, at most five times, and again
   * for ten seconds while another process writes to the SQLite file.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** The same for what is done with every page: its statements go past Prisma's client. */
  transactDirectly<T>(work: (tx: Statements) => Promise<T>): Promise<T>;
  /** Takes statements as `db` does, past Prisma's client. */
  statements(): Promise<Statements>;
  /** The work with its errors translated. */
  ask<T>(work: () => Promise<T>): Promise<T>;
  /** Told how many bytes of records were committed. */
  noteWritten(bytes: number): void;
  connections(): PoolUse | undefined;
  checkMigrated(): Promise<void>;
  close(): Promise<void>;
};

export type ConnectionParts = {
  reader: LazyClient;
  /**
   * The same as the reader on Postgres. Prisma's SQLite adapter has one connection per client: a statement sent beside a
   * transaction would run inside it, read what is not committed, and be rolled back with it.
   */
  writer: LazyClient;
  /** What the two are connected by. */
  adapters: { reader: OpenAdapter; writer: OpenAdapter };
  dialect: Dialect;
  /** What tends the database's log beside us, where the database does not. */
  wal: WalCopier | undefined;
  /** Names the database in messages. */
  place: string;
  /** That this program knows. */
  migrations: Migration[];
  connections(): PoolUse | undefined;
};

/** The adapter that a client works by, connected when it is first asked for. Closing it twice does no harm. */
export type OpenAdapter = () => Promise<SqlDriverAdapter>;

const transactionOptions = { timeout: 60_000, maxWait: 30_000 };
const maxConflicts = 5;
const waitForLockMs = 10_000;

/** Thrown by the work of a transaction to have it rolled back without a failure; see {@link orRolledBack}. */
export class RolledBack extends Error {}

export function createConnection({
  reader,
  writer,
  adapters,
  dialect,
  wal,
  place,
  migrations,
  connections,
}: ConnectionParts): Connection {
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translateError(error, place);
    }
  };
  const locked =
    <T, Tx extends Statements>(work: (tx: Tx) => Promise<T>) =>
    async (tx: Tx): Promise<T> => {
      if (dialect.takeWriteLock !== undefined) await tx.$executeRaw(dialect.takeWriteLock);
      return work(tx);
    };
  const close = async () => {
    await wal?.close();
    for (const each of new Set([writer, reader])) await each.disconnect();
    // A client that nobody asked anything has nothing to close.
    for (const adapter of new Set([adapters.writer, adapters.reader])) await (await adapter()).dispose();
  };
  return {
    db: reader.client,
    dialect,
    ask,
    transact: (work) => ask(() => again(() => writer.client.$transaction(locked(work), transactionOptions))),
    transactDirectly: (work) =>
      ask(() =>
        again(async () => inDriverTransaction(await adapters.writer(), transactionOptions.timeout, locked(work))),
      ),
    statements: async () => statementsOf(await adapters.reader()),
    noteWritten: (bytes) => wal?.noteWritten(bytes),
    connections,
    checkMigrated: () => ask(async () => checkMigrated(statementsOf(await adapters.reader()), migrations)),
    close,
  };
}

/** SQLite's own waiting for a lock would stop the event loop, and with it whoever holds the lock in the same process. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + waitForLockMs;
  for (let conflicts = 0; ; ) {
    try {
      return await work();
    } catch (error) {
      if (isConflict(error)) conflicts += 1;
      else if (!isBusy(error)) throw error;
      if (conflicts >= maxConflicts || performance.now() > deadline) throw error;
      await delay(Math.random() * 20 * (conflicts + 1));
    }
  }
}

/** What the transaction returned, or `undefined` when it threw {@link RolledBack}. */
export async function orRolledBack<T>(transaction: Promise<T>): Promise<T | undefined> {
  try {
    return await transaction;
  } catch (error) {
    if (error instanceof RolledBack) return undefined;
    throw error;
  }
}
