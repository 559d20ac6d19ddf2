import { ConfigError } from "@penstock/core/errors";
import { Prisma } from "../generated/postgresql/client.ts";
import type { Prisma as Client, Transaction } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import type { ColumnType, StreamView } from "./store.ts";

/** Taken by whoever changes views, so that two processes that start together do not trip over each other. */
const viewLock = 7_270_736_901n;

const postgresCasts: Record<ColumnType, string> = {
  text: "",
  integer: "::bigint",
  real: "::double precision",
  boolean: "::boolean",
  timestamp: "::timestamptz",
  json: "",
};

/**
 * Makes the views be as the streams' output schemas say, touching only those that differ.
 *
 * @throws ConfigError `SOURCE_INVALID` when two streams want one name, or a table has it
 */
export async function ensureViews(db: Client, dialect: Dialect, views: StreamView[]): Promise<void> {
  refuseCollisions(views);
  const wanted = new Map(views.map((view) => [view.name, viewSql(dialect, view)]));
  if ((await outdated(db, dialect, wanted)).length === 0) return;
  await db.$transaction(async (tx) => {
    if (dialect.name === "postgresql") await tx.$executeRaw`SELECT pg_advisory_xact_lock(${viewLock})`;
    for (const name of await outdated(tx, dialect, wanted)) {
      await tx.$executeRawUnsafe(`DROP VIEW IF EXISTS "${name}"`);
      await tx.$executeRawUnsafe(wanted.get(name) ?? "");
      if (dialect.name === "postgresql") await tx.$executeRawUnsafe(`COMMENT ON VIEW "${name}" IS '${quoted(wanted.get(name) ?? "")}'`);
    }
  });
}

function refuseCollisions(views: StreamView[]): void {
  const seen = new Map<string, StreamView>();
  for (const view of views) {
    const other = seen.get(view.name.toLowerCase());
    if (other !== undefined) {
      const message = `streams ${other.source}.${other.stream} and ${view.source}.${view.stream} both want the view ${view.name}`;
      throw new ConfigError("SOURCE_INVALID", message, { source: view.source, stream: view.stream, remedy: "rename one of them" });
    }
    seen.set(view.name.toLowerCase(), view);
  }
}

/** Names of views that are missing or were made by another statement: SQLite keeps it, on Postgres the comment does. */
async function outdated(db: Client | Transaction, dialect: Dialect, wanted: Map<string, string>): Promise<string[]> {
  const rows = await db.$queryRaw<{ name: string; sql: string | null }[]>(
    dialect.name === "sqlite"
      ? Prisma.sql`SELECT name, sql FROM sqlite_master WHERE type = 'view'`
      : Prisma.sql`SELECT c.relname AS name, obj_description(c.oid) AS sql FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind = 'v' AND n.nspname = current_schema()`,
  );
  const existing = new Map(rows.map(({ name, sql }) => [name, sql]));
  return [...wanted].filter(([name, sql]) => existing.get(name) !== sql).map(([name]) => name);
}

function viewSql(dialect: Dialect, { source, stream, name, columns }: StreamView): string {
  const selected = columns.map(({ name: column, type }) => `${columnSql(dialect, column, type)} AS "${column.replaceAll('"', '""')}"`);
  if (!columns.some((column) => column.name === "fetched_at")) selected.push(`observed_at AS "fetched_at"`);
  return `CREATE VIEW "${name}" AS SELECT ${selected.join(", ")} FROM records WHERE source = '${quoted(source)}' AND stream = '${quoted(stream)}' AND deleted_at IS NULL`;
}

function columnSql(dialect: Dialect, column: string, type: ColumnType): string {
  const field = quoted(column);
  if (dialect.name === "postgresql") {
    return type === "json" ? `NULLIF(data->'${field}', 'null')` : `(data->>'${field}')${postgresCasts[type]}`;
  }
  const value = `data->>'$."${field}"'`;
  if (type === "json") return `NULLIF(data->'$."${field}"', 'null')`;
  return type === "real" ? `CAST(${value} AS REAL)` : value;
}

function quoted(text: string): string {
  return text.replaceAll("'", "''");
}
