import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ConfigError, InfrastructureError } from "@penstock/core/errors";
import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient as PostgresClient } from "../generated/postgresql/client.ts";
import { PrismaClient as SqliteClient } from "../generated/sqlite/client.ts";
import type { Prisma, Transaction } from "./client.ts";
import { type Dialect, postgresql, sqlite } from "./dialect.ts";
import { codesOf, isConflict, translateError } from "./errors.ts";
import { createStore } from "./create-store.ts";
import { migratePostgres, migrateSqlite } from "./migrate.ts";
import { readMigrations } from "./migrations.ts";
import type { Store } from "./store.ts";

export type OpenStoreOptions = {
  /** `file:<path>` or `postgres://…`. */
  url: string;
  /** Holds `sqlite/migrations` and `postgresql/migrations`. */
  migrationsRoot: string;
  /** Connections to Postgres. */
  poolSize?: number;
  /** Looks only: creates and migrates nothing. An SQLite file that is not there is `DATABASE_MISSING`. */
  isReadOnly?: boolean;
};

/** A database with the means to work in it: what the parts of the store are made of. */
export type Connection = {
  db: Prisma;
  dialect: Dialect;
  /** The work in one transaction, again at once after a deadlock or serialization failure, at most five times. */
  transact<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** The work with its errors translated. */
  ask<T>(work: () => Promise<T>): Promise<T>;
};

const transactionOptions = { timeout: 60_000, maxWait: 30_000 };
const maxConflicts = 5;
/** Waiting for another process' write blocks the event loop, so it must end well before a job's lock does. */
const busyTimeoutMs = 5_000;

/**
 * Opens the database, creating and migrating it as needed.
 *
 * @throws InfrastructureError `DATABASE_UNAVAILABLE` when it does not answer
 * @throws ConfigError when it refuses us, or was migrated by a newer program
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const place = describePlace(options.url);
  try {
    return createStore(options.url.startsWith("file:") ? await openSqlite(options, place) : await openPostgres(options, place));
  } catch (error) {
    throw explainOpening(translateError(error, place), place);
  }
}

async function openSqlite({ url, migrationsRoot, isReadOnly }: OpenStoreOptions, place: string): Promise<Connection> {
  const path = resolve(url.slice("file:".length));
  if (isReadOnly === true && !existsSync(path)) throw new ConfigError("DATABASE_MISSING", `there is no database at ${path} yet`);
  if (isReadOnly !== true) {
    await mkdir(dirname(path), { recursive: true });
    migrateSqlite(path, await readMigrations(join(migrationsRoot, "sqlite/migrations")));
  }
  const adapter = new PrismaBetterSqlite3({ url: `file:${path}`, timeout: busyTimeoutMs });
  const db = new SqliteClient({ adapter }) as unknown as Prisma;
  // Safe although the last commits may go with the power: records and checkpoint are in the one file and go back together.
  await db.$queryRawUnsafe("PRAGMA synchronous = NORMAL");
  return connection(db, sqlite, place);
}

async function openPostgres({ url, migrationsRoot, poolSize = 8, isReadOnly }: OpenStoreOptions, place: string): Promise<Connection> {
  if (isReadOnly !== true) await migratePostgres(url, await readMigrations(join(migrationsRoot, "postgresql/migrations")));
  const adapter = new PrismaPg({ connectionString: url, max: poolSize, connectionTimeoutMillis: 10_000 });
  const db = new PostgresClient({ adapter });
  return connection(db, postgresql, place);
}

function connection(db: Prisma, dialect: Dialect, place: string): Connection {
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translateError(error, place);
    }
  };
  const transact = <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => ask(() => again(() => db.$transaction(work, transactionOptions)));
  return { db, dialect, transact, ask };
}

async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let conflicts = 1; ; conflicts++) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || conflicts >= maxConflicts) throw error;
      await delay(Math.random() * 20 * conflicts);
    }
  }
}

/** The database for people: without password or parameters. */
function describePlace(url: string): string {
  if (url.startsWith("file:")) return url.slice("file:".length);
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || 5432}${pathname}`;
}

/** SQLSTATE of a server that answers and refuses. */
const refusals: Record<string, string> = {
  "28P01": "refuses the password",
  "28000": "refuses the user",
  "3D000": "does not exist",
  "42501": "does not let the user do this",
};

function explainOpening(error: unknown, place: string): unknown {
  if (error instanceof InfrastructureError || error instanceof ConfigError) return error;
  const refusal = codesOf(error).map((code) => refusals[code]).find((found) => found !== undefined);
  if (refusal === undefined) return error;
  return new ConfigError("CONFIG_INVALID", `the database ${place} ${refusal}`, { cause: error, remedy: "correct DATABASE_URL" });
}
