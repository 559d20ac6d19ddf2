import { randomUUID } from "node:crypto";
import { ConfigError, PenstockError } from "@penstock/core/errors";
import Database from "better-sqlite3";
import { Client } from "pg";
import { type AppliedMigration, type Migration, pendingMigrations } from "./migrations.ts";

/** What Prisma's migrate takes on Postgres, so that the two never work at the same time. */
const prismaLock = 72_707_369;
const busyTimeoutMs = 30_000;

/** The table of Prisma's migrate, which therefore sees what was applied here, and the other way round. */
const historyTable = (instant: string) => `
  CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id" VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum" VARCHAR(64) NOT NULL,
    "finished_at" ${instant},
    "migration_name" VARCHAR(255) NOT NULL,
    "logs" TEXT,
    "rolled_back_at" ${instant},
    "started_at" ${instant} NOT NULL DEFAULT ${instant === "DATETIME" ? "current_timestamp" : "now()"},
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
  )`;
const history = `SELECT migration_name AS name, checksum FROM "_prisma_migrations" WHERE rolled_back_at IS NULL AND finished_at IS NOT NULL`;

/** Brings an SQLite file up to date. Whoever comes second waits, and finds nothing to do. A failed migration leaves nothing. */
export function migrateSqlite(path: string, migrations: Migration[]): string[] {
  const db = new Database(path, { timeout: busyTimeoutMs });
  try {
    db.pragma("journal_mode = WAL");
    return db.transaction(() => applySqlite(db, migrations)).immediate();
  } finally {
    db.close();
  }
}

function applySqlite(db: Database.Database, migrations: Migration[]): string[] {
  db.exec(historyTable("DATETIME"));
  const pending = pendingMigrations(migrations, db.prepare(history).all() as AppliedMigration[]);
  const note = db.prepare(`INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, started_at, applied_steps_count) VALUES (?, ?, ?, ?, ?, 1)`);
  for (const { name, sql, checksum } of pending) {
    const startedAt = Date.now();
    try {
      db.exec(sql);
    } catch (error) {
      throw migrationFailed(name, error);
    }
    note.run(randomUUID(), checksum, Date.now(), name, startedAt);
  }
  return pending.map(({ name }) => name);
}

/** Brings a Postgres database up to date, all in one transaction under Prisma's advisory lock. */
export async function migratePostgres(url: string, migrations: Migration[]): Promise<string[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [prismaLock]);
    const applied = await applyPostgres(client, migrations);
    await client.query("COMMIT");
    return applied;
  } finally {
    // Ending the connection rolls back what was not committed.
    await client.end();
  }
}

async function applyPostgres(client: Client, migrations: Migration[]): Promise<string[]> {
  await client.query(historyTable("TIMESTAMPTZ"));
  const { rows } = await client.query<AppliedMigration>(history);
  const pending = pendingMigrations(migrations, rows);
  for (const { name, sql, checksum } of pending) {
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
  return pending.map(({ name }) => name);
}

function migrationFailed(name: string, cause: unknown): PenstockError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ConfigError("MIGRATION_FAILED", `migration ${name} failed, nothing of it was kept: ${message}`, { cause });
}
