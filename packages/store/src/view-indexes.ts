import { shortHash } from "@penstock/core/hash";
import { Prisma } from "../generated/postgresql/client.ts";
import type { Connection } from "./connection.ts";
import { isConflict } from "./errors.ts";
import type { Statements } from "./statements.ts";
import type { StreamView } from "./store.ts";
import { columnExpression, identifier, ofStream } from "./view-sql.ts";

/*
 * Indexes that streams declare on columns of their views. They are over the view's own expressions and its own rows, so that
 * queries of the view are served by them, and other streams pay nothing for them. An index is named after its stream and its
 * statement: whatever differs has another name, and one that no declaration names any more is dropped.
 */

type IndexConnection = Pick<Connection, "statements" | "dialect" | "ask" | "transactDirectly">;
type WantedIndex = { name: string; sql: string };

/**
 * Makes the indexes of these streams be as declared. On Postgres they are built and dropped without stopping writers; one that was
 * interrupted half-built is built again. On SQLite writers wait. Idempotent, and safe to run in two processes at once.
 */
export async function ensureIndexes(connection: IndexConnection, views: StreamView[]): Promise<void> {
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      return await changeIndexes(connection, views);
    } catch (error) {
      // Two processes that build beside writers wait for each other's snapshots: Postgres ends one, which looks again.
      if (!isConflict(error) || conflicts === maxConflicts) throw error;
    }
  }
}

const maxConflicts = 5;

async function changeIndexes(connection: IndexConnection, views: StreamView[]): Promise<void> {
  const { dialect, statements, ask } = connection;
  const wanted = new Map(views.flatMap((view) => indexesOf(dialect.name, view)).map((index) => [index.name, index]));
  const existing = await ask(async () => existingIndexes(await statements(), dialect.name));
  const prefixes = views.map(prefixOf);
  const isOurs = (name: string) => prefixes.some((prefix) => name.startsWith(prefix));
  const stale = existing.filter(({ name, isValid }) => isOurs(name) && !(isValid && wanted.has(name)));
  for (const { name } of stale)
    await change(connection, `DROP INDEX ${concurrently(dialect.name)} IF EXISTS "${name}"`);
  const valid = new Set(existing.filter(({ isValid }) => isValid).map(({ name }) => name));
  for (const { name, sql } of wanted.values()) if (!valid.has(name)) await change(connection, sql);
}

function concurrently(dialect: "sqlite" | "postgresql"): string {
  return dialect === "postgresql" ? "CONCURRENTLY" : "";
}

/** Postgres builds an index beside writers outside of transactions only. */
async function change({ statements, dialect, ask, transactDirectly }: IndexConnection, sql: string): Promise<void> {
  if (dialect.name === "postgresql") await ask(async () => (await statements()).$executeRaw(Prisma.raw(sql)));
  else await transactDirectly((tx) => tx.$executeRaw(Prisma.raw(sql)));
}

function prefixOf({ source, stream }: StreamView): string {
  return `px_${shortHash(`${source}.${stream}`)}_`;
}

function indexesOf(dialect: "sqlite" | "postgresql", view: StreamView): WantedIndex[] {
  const declared = (view.indexes ?? []).map((columns) => {
    const named = columns.flatMap((name) => view.columns.find((column) => column.name === name) ?? []);
    return named.map((column) => `(${columnExpression(dialect, column)})`).join(", ");
  });
  return [...declared, ...(view.indexesEventTime === true ? [timeColumns[dialect]] : [])].map((columns) => {
    const on = `records (${columns}) WHERE ${ofStream(view)}`;
    const name = `${prefixOf(view)}${shortHash(on)}`;
    return { name, sql: `CREATE INDEX ${concurrently(dialect)} IF NOT EXISTS ${identifier(name)} ON ${on}` };
  });
}

/** SQLite's planner would take the primary key, for its first two columns, before an index that has none of them. */
const timeColumns = { postgresql: "ts, key", sqlite: "source, stream, ts, key" };

async function existingIndexes(
  db: Statements,
  dialect: "sqlite" | "postgresql",
): Promise<{ name: string; isValid: boolean }[]> {
  const rows = await db.$queryRaw<{ name: string; valid: boolean | bigint }[]>(
    dialect === "sqlite"
      ? Prisma.sql`SELECT name, 1 AS valid FROM sqlite_master WHERE type = 'index' AND name LIKE 'px\\_%' ESCAPE '\\'`
      : Prisma.sql`SELECT c.relname::text AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relname LIKE 'px\\_%'`,
  );
  return rows.map(({ name, valid }) => ({ name, isValid: Boolean(valid) }));
}
