import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ConfigError, type PenstockError } from "@penstock/core/errors";
import Database from "better-sqlite3";
import { Client } from "pg";
import { Prisma } from "../generated/postgresql/client.ts";
import { codesOf } from "./errors.ts";
import { type AppliedMigration, type Migration, pendingMigrations } from "./migrations.ts";
import type { Statements } from "./statements.ts";

/** What Prisma's migrate takes on Postgres, so that the two never work at the same time. */
const prismaLock = 72_707_369;
const busyTimeoutMs = 30_000;

/** The table of Prisma's migrate, which therefore sees what was applied here, and the other way round. */
const postgresHistory = `
  CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id" VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum" VARCHAR(64) NOT NULL,
    "finished_at" TIMESTAMPTZ,
    "migration_name" VARCHAR(255) NOT NULL,
    "logs" TEXT,
    "rolled_back_at" TIMESTAMPTZ,
    "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
  )`;
const sqliteHistory = `
  CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id" TEXT PRIMARY KEY NOT NULL,
    "checksum" TEXT NOT NULL,
    "finished_at" DATETIME,
    "migration_name" TEXT NOT NULL,
    "logs" TEXT,
    "rolled_back_at" DATETIME,
    "started_at" DATETIME NOT NULL DEFAULT current_timestamp,
    "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0
  )`;
const history = `SELECT migration_name AS name, checksum, finished_at AS "finishedAt" FROM "_prisma_migrations" WHERE rolled_back_at IS NULL`;

/**
 * Brings an SQLite file up to date, each migration in a transaction of its own that looks again at what is still to do.
 * Whoever comes second waits, and finds nothing to do. A failed migration leaves nothing.
 */
export async function migrateSqlite(path: string, migrations: Migration[]): Promise<void> {
  const db = new Database(path, { timeout: busyTimeoutMs });
  try {
    await switchToWal(db);
    const applyNext = db.transaction(() => applyNextSqlite(db, migrations));
    while (applyNext.immediate());
  } finally {
    db.close();
  }
}

/** Changing the mode needs the file alone, and SQLite does not wait for that by itself. */
async function switchToWal(db: Database.Database): Promise<void> {
  const deadline = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      db.pragma("journal_mode = WAL");
      return;
    } catch (error) {
      if (!codesOf(error).includes("SQLITE_BUSY") || performance.now() > deadline) throw error;
      await delay(20);
    }
  }
}

function applyNextSqlite(db: Database.Database, migrations: Migration[]): boolean {
  db.exec(sqliteHistory);
  const [next] = pendingMigrations(migrations, db.prepare<[], AppliedMigration>(history).all());
  if (next === undefined) return false;
  const startedAt = Date.now();
  try {
    db.exec(next.sql);
  } catch (error) {
    throw migrationFailed(next.name, error);
  }
  db.prepare(
    `INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, started_at, applied_steps_count) VALUES (?, ?, ?, ?, ?, 1)`,
  ).run(randomUUID(), next.checksum, Date.now(), next.name, startedAt);
  return true;
}

/** Brings a Postgres database up to date, each migration in a transaction of its own under Prisma's advisory lock. */
export async function migratePostgres(url: string, migrations: Migration[]): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // A connection that breaks while nothing waits for it would end the process; the next query tells.
  client.on("error", () => {});
  await client.connect();
  try {
    while (await applyNextPostgres(client, migrations));
  } finally {
    // Ending the connection rolls back what was not committed.
    await client.end();
  }
}

async function applyNextPostgres(client: Client, migrations: Migration[]): Promise<boolean> {
  await client.query("BEGIN");
  await client.query("SELECT pg_advisory_xact_lock($1)", [prismaLock]);
  await client.query(postgresHistory);
  const { rows } = await client.query<AppliedMigration>(history);
  const [next] = pendingMigrations(migrations, rows);
  if (next !== undefined) await applyPostgres(client, next);
  await client.query("COMMIT");
  return next !== undefined;
}

async function applyPostgres(client: Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await client.query(sql);
  } catch (error) {
    throw migrationFailed(name, error);
  }
  await client.query(
    `INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, started_at, applied_steps_count) VALUES ($1, $2, clock_timestamp(), $3, now(), 1)`,
    [randomUUID(), checksum, name],
  );
}

function migrationFailed(name: string, cause: unknown): PenstockError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ConfigError("MIGRATION_FAILED", `migration ${name} failed, nothing of it was kept: ${message}`, { cause });
}

/**
 * For whoever may not migrate.
 *
 * @throws ConfigError `DATABASE_MISSING` when no migration was applied yet, `DATABASE_BEHIND` when some were
 */
export async function checkMigrated(db: Statements, migrations: Migration[]): Promise<void> {
  const applied = await appliedTo(db);
  const [next] = pendingMigrations(migrations, applied);
  if (applied.length === 0) throw new ConfigError("DATABASE_MISSING", "the database has no tables of Penstock yet");
  if (next !== undefined)
    throw new ConfigError("DATABASE_BEHIND", `the database has not got migration ${next.name} of this version yet`);
}

async function appliedTo(db: Statements): Promise<AppliedMigration[]> {
  try {
    return await db.$queryRaw<AppliedMigration[]>(Prisma.raw(history));
  } catch (error) {
    if (codesOf(error).includes("TableDoesNotExist")) return [];
    throw error;
  }
}
