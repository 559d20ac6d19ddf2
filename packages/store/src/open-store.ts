import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ConfigError, InfrastructureError } from "@penstock/core/errors";
import { type Reach, withoutFailures } from "@penstock/core/failure-points";
import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { PrismaClient as PostgresClient } from "../generated/postgresql/client.ts";
import { PrismaClient as SqliteClient } from "../generated/sqlite/client.ts";
import { type BulkValues, createBulkValues, type ObserveStatement, withBulkValues } from "./bulk-values.ts";
import { keepClockAhead } from "./change-clock.ts";
import { lazyClient, type Prisma } from "./client.ts";
import { type Connection, createConnection } from "./connection.ts";
import { createStore } from "./create-store.ts";
import { postgresql, sqlite } from "./dialect.ts";
import { codesOf, translateError } from "./errors.ts";
import { withKeptStatements } from "./kept-statements.ts";
import { migratePostgres, migrateSqlite } from "./migrate.ts";
import { readMigrations } from "./migrations.ts";
import { greet, preparedName } from "./prepared-statements.ts";
import type { PoolUse, Store } from "./store.ts";
import { createWalCopier } from "./wal-copier.ts";

export type OpenStoreOptions = {
  /** `file:<path>` or `postgres://…`. */
  url: string;
  /** Holds `sqlite/migrations` and `postgresql/migrations`. */
  migrationsRoot: string;
  /** Connections to Postgres. */
  poolSize?: number;
  /** Looks only: creates and migrates nothing. A database that is not there or has no tables yet is `DATABASE_MISSING`. */
  isReadOnly?: boolean;
  /** Where tests let it fail. */
  reach?: Reach;
  /** Sends each statement, as text without its values. Default: as it is. */
  observe?: ObserveStatement;
};

/** How long a statement may stop the event loop while it waits. Readers wait only where a killed process left a log to recover. */
const busyTimeoutMs = { reader: 5_000, writer: 5 };
const connectTimeoutMs = 10_000;

/**
 * Opens the database, creating and migrating it as needed.
 *
 * @throws InfrastructureError `DATABASE_UNAVAILABLE` when it does not answer
 * @throws ConfigError when it refuses us, or was migrated by a newer program
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const place = describePlace(options.url);
  try {
    const isFile = options.url.startsWith("file:");
    const connection = isFile ? await openSqlite(options, place) : await openPostgres(options, place);
    return createStore(connection, options.reach ?? withoutFailures);
  } catch (error) {
    throw explainOpening(translateError(error, place), place);
  }
}

async function openSqlite(
  { url, migrationsRoot, isReadOnly = false, observe }: OpenStoreOptions,
  place: string,
): Promise<Connection> {
  const path = resolve(url.slice("file:".length));
  // Only a folder has something in it, be it itself.
  if (existsSync(`${path}/.`)) throw unusableFile(path, "it is a folder");
  const migrations = await readMigrations(join(migrationsRoot, "sqlite/migrations"));
  if (isReadOnly && !existsSync(path)) throw new ConfigError("DATABASE_MISSING", `there is no database at ${path} yet`);
  if (!isReadOnly) {
    await makeFolder(dirname(path));
    await migrateSqlite(path, migrations);
  }
  const bulk = createBulkValues();
  const reader = sqliteClient(path, { readonly: true, bulk, observe });
  const writer = isReadOnly ? reader : sqliteClient(path, { readonly: false, bulk, observe });
  await reader.adapter();
  if (!isReadOnly)
    await (await writer.adapter()).executeScript(writerPragmas.map((pragma) => `PRAGMA ${pragma};`).join("\n"));
  return checked(
    createConnection({
      reader: reader.lazy,
      writer: writer.lazy,
      adapters: { reader: reader.adapter, writer: writer.adapter },
      dialect: sqlite(bulk),
      wal: isReadOnly ? undefined : createWalCopier(path),
      place,
      migrations,
      connections: () => undefined,
    }),
    isReadOnly,
  );
}

/**
 * NORMAL is safe although the last commits may go with the power: records and checkpoint are in the one file and go back
 * together. The last is in pages of 4 kB, see {@link createWalCopier}: SQLite's own 4 MB have it synchronise the file every few pages of ours.
 * The cache, in kB, holds what one of our pages touches of the key's index.
 */
const writerPragmas = ["synchronous = NORMAL", "cache_size = -32768", "wal_autocheckpoint = 8192"];

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new ConfigError("CONFIG_INVALID", `the folder ${folder} cannot be made`, {
      cause,
      remedy: "correct PENSTOCK_DATA_DIR or DATABASE_URL",
    });
  }
}

type SqliteOptions = { readonly: boolean; bulk: BulkValues; observe: ObserveStatement | undefined };

function sqliteClient(path: string, { readonly, bulk, observe }: SqliteOptions) {
  const timeout = busyTimeoutMs[readonly ? "reader" : "writer"];
  const plain = new PrismaBetterSqlite3({ url: `file:${path}`, timeout, readonly });
  const adapter = withBulkValues(readonly ? plain : withKeptStatements(plain), bulk, observe);
  // A test proves both schemas equal; their clients differ in nothing that is used here.
  return { lazy: lazyClient(() => new SqliteClient({ adapter }) as unknown as Prisma), adapter: adapter.connect };
}

/**
 * Prisma's adapter drops the offset of what it reads and writes, so anywhere but in UTC every instant would be another. Compiling a
 * statement takes longer than any of ours saves by it: of a page of a large table, ten milliseconds of eleven.
 */
const settings = "SET TIME ZONE 'UTC'; SET datestyle = ISO; SET jit = off";

async function openPostgres(
  { url, migrationsRoot, poolSize = 10, isReadOnly = false, observe }: OpenStoreOptions,
  place: string,
): Promise<Connection> {
  const migrations = await readMigrations(join(migrationsRoot, "postgresql/migrations"));
  if (!isReadOnly) await migratePostgres(url, migrations);
  let [isDirect, rowType] = [true, 0];
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    onConnect: async (client) => {
      await client.query(settings);
      const greeting = await greet(client);
      rowType = greeting.rowType;
      if (!greeting.isDirect) isDirect = false;
    },
  });
  const bulk = createBulkValues();
  const plain = new PrismaPg(pool, {
    disposeExternalPool: true,
    statementNameGenerator: (query) => (isDirect ? preparedName(query) : ""),
  });
  const adapter = withBulkValues(plain, bulk, observe);
  const db = lazyClient(() => new PostgresClient({ adapter }));
  return checked(
    createConnection({
      reader: db,
      writer: db,
      adapters: { reader: adapter.connect, writer: adapter.connect },
      dialect: postgresql(bulk, () => rowType),
      wal: undefined,
      place,
      migrations,
      connections: () => useOf(pool),
    }),
    isReadOnly,
  );
}

function useOf({ totalCount, idleCount, waitingCount }: Pool): PoolUse {
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
}

/** Whoever only looks must find the tables it knows; whoever writes has just migrated them. */
async function checked(connection: Connection, isReadOnly: boolean): Promise<Connection> {
  try {
    if (isReadOnly) await connection.checkMigrated();
    else await keepClockAhead(connection);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
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

/** While the file is in use they may pass, as a full disk does. Where it cannot even be opened, waiting helps nothing. */
const unopenable = /^SQLITE_(CANTOPEN|READONLY|PERM|AUTH)/;

function unusableFile(path: string, why: string, cause?: unknown): ConfigError {
  return new ConfigError("CONFIG_INVALID", `${path} cannot be opened as an SQLite database: ${why}`, {
    cause,
    remedy: "correct DATABASE_URL, DB_PATH or PENSTOCK_DATA_DIR, or who may write to the file and its folder",
  });
}

function explainOpening(error: unknown, place: string): unknown {
  if (error instanceof ConfigError) return error;
  const codes = codesOf(error);
  const refused = codes.find((code) => unopenable.test(code));
  if (refused !== undefined) return unusableFile(place, refused, error);
  if (error instanceof InfrastructureError) return error;
  if (codes.includes("SQLITE_NOTADB"))
    return new ConfigError("CONFIG_INVALID", `${place} is not an SQLite database`, {
      cause: error,
      remedy: "correct DATABASE_URL",
    });
  const refusal = codes.map((code) => refusals[code]).find((found) => found !== undefined);
  if (refusal === undefined) return error;
  return new ConfigError("CONFIG_INVALID", `the database ${place} ${refusal}`, {
    cause: error,
    remedy: "correct DATABASE_URL",
  });
}
