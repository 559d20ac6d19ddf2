import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "@penstock/core/errors";

/** One folder of Prisma's migration layout. The checksum is SHA-256 of the file, as Prisma's own migrate keeps it. */
export type Migration = { name: string; sql: string; checksum: string };
/** A row of `_prisma_migrations` that was not rolled back, as far as it matters here. */
export type AppliedMigration = { name: string; checksum: string; finishedAt: unknown };

/** The migrations below a folder, in the order of their names. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(names.sort().map((name) => readMigration(folder, name)));
}

async function readMigration(folder: string, name: string): Promise<Migration> {
  const sql = await readFile(join(folder, name, "migration.sql"), "utf8");
  return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
}

/**
 * What is still to be applied.
 *
 * @throws ConfigError `DATABASE_AHEAD` when the database has migrations this program does not know
 * @throws ConfigError `MIGRATION_CHANGED` when one was edited after it was applied
 * @throws ConfigError `MIGRATION_FAILED` when Prisma's migrate left one half-way; ours leaves none
 */
export function pendingMigrations(known: Migration[], applied: AppliedMigration[]): Migration[] {
  const byName = new Map(known.map((migration) => [migration.name, migration]));
  for (const { name, checksum, finishedAt } of applied) {
    const migration = byName.get(name);
    if (migration === undefined)
      throw new ConfigError("DATABASE_AHEAD", `the database has migration ${name}, which this version does not know`);
    if (finishedAt === null) throw unfinished(name);
    if (migration.checksum !== checksum)
      throw new ConfigError("MIGRATION_CHANGED", `migration ${name} was changed after the database had applied it`);
  }
  const done = new Set(applied.map(({ name }) => name));
  return known.filter(({ name }) => !done.has(name));
}

function unfinished(name: string): ConfigError {
  const remedy = `repair the tables and tell it so: prisma migrate resolve --applied ${name} (or --rolled-back ${name})`;
  return new ConfigError("MIGRATION_FAILED", `migration ${name} was begun by prisma migrate and did not finish`, {
    remedy,
  });
}
