import { ConfigError } from "@penstock/core/errors";
import { Prisma } from "../generated/postgresql/client.ts";
import type { Connection } from "./connection.ts";
import { codesOf } from "./errors.ts";
import type { Statements } from "./statements.ts";
import type { StreamView } from "./store.ts";
import { viewSql } from "./view-sql.ts";

/** Taken by whoever changes views, so that two processes that start together do not trip over each other. */
const viewLock = 7_270_736_901n;
/** Postgres cuts longer names off, and two that differ behind it would be one. */
const maxNameBytes = 63;

/** SQLSTATE: a view cannot get another type or order of columns; other objects depend on it. */
const cannotReplace = "42P16";
const hasDependents = "2BP01";

type ViewConnection = Pick<Connection, "statements" | "dialect" | "ask" | "transactDirectly">;
/** A view or table that exists; a view with the statement that made it. */
type Existing = { name: string; isView: boolean; sql: string | null };

/**
 * Makes the views be as the streams' output schemas say, touching only those that differ.
 *
 * @throws ConfigError `SOURCE_INVALID` when two streams want one name, a table has it, or Postgres could not tell it apart
 */
export async function ensureViews(
  { statements, dialect, ask, transactDirectly }: ViewConnection,
  views: StreamView[],
): Promise<void> {
  views.forEach(refuseLongNames);
  refuseCollisions(views);
  const outdated = async (from: Statements) => {
    const existing = await relations(from, dialect.name);
    return views.filter((view) => !isAsWanted(view, viewSql(dialect.name, view), existing));
  };
  if ((await ask(async () => outdated(await statements()))).length === 0) return;
  await transactDirectly(async (tx) => {
    if (dialect.name === "postgresql") await tx.$executeRaw`SELECT pg_advisory_xact_lock(${viewLock})`;
    for (const view of await outdated(tx))
      await (dialect.name === "postgresql" ? replacePostgres : replaceSqlite)(tx, view);
  });
}

function refuseLongNames({ source, stream, name, columns }: StreamView): void {
  const long = [name, ...columns.map((column) => column.name)].find((each) => Buffer.byteLength(each) > maxNameBytes);
  if (long === undefined) return;
  const message = `stream ${source}.${stream}: ${long} is too long for a view's or column's name`;
  throw new ConfigError("SOURCE_INVALID", message, {
    source,
    stream,
    expected: `at most ${maxNameBytes} bytes`,
    received: `${Buffer.byteLength(long)}`,
  });
}

function refuseCollisions(views: StreamView[]): void {
  const seen = new Map<string, StreamView>();
  for (const view of views) {
    const other = seen.get(view.name.toLowerCase());
    if (other !== undefined) {
      const message = `streams ${other.source}.${other.stream} and ${view.source}.${view.stream} both want the view ${view.name}`;
      throw new ConfigError("SOURCE_INVALID", message, {
        source: view.source,
        stream: view.stream,
        remedy: "rename one of them",
      });
    }
    seen.set(view.name.toLowerCase(), view);
  }
}

/** Everything that has a name in the database. SQLite keeps a view's statement as it came, on Postgres its comment does. */
async function relations(db: Statements, dialect: "sqlite" | "postgresql"): Promise<Map<string, Existing>> {
  const rows = await db.$queryRaw<(Omit<Existing, "isView"> & { kind: string })[]>(
    dialect === "sqlite"
      ? Prisma.sql`SELECT name, type AS kind, sql FROM sqlite_master WHERE type IN ('view', 'table')`
      : Prisma.sql`SELECT c.relname::text AS name, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind, obj_description(c.oid, 'pg_class') AS sql
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema()`,
  );
  return new Map(rows.map(({ name, kind, sql }) => [name.toLowerCase(), { name, sql, isView: kind === "view" }]));
}

function isAsWanted({ source, stream, name }: StreamView, sql: string, existing: Map<string, Existing>): boolean {
  const found = existing.get(name.toLowerCase());
  if (found === undefined || found.isView) return found?.sql === sql;
  const message = `stream ${source}.${stream} wants the view ${name}, but a table has that name`;
  throw new ConfigError("SOURCE_INVALID", message, { source, stream, remedy: "rename the source or the stream" });
}

async function replaceSqlite(tx: Statements, view: StreamView): Promise<void> {
  await tx.$executeRaw(Prisma.raw(`DROP VIEW IF EXISTS "${view.name}"`));
  await tx.$executeRaw(Prisma.raw(viewSql("sqlite", view)));
}

/** Replaced in place where that is possible, so that what was granted on the view stays. */
async function replacePostgres(tx: Statements, view: StreamView): Promise<void> {
  const sql = viewSql("postgresql", view);
  await tx.$executeRaw`SAVEPOINT replacing`;
  try {
    await tx.$executeRaw(Prisma.raw(sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")));
  } catch (error) {
    if (!codesOf(error).includes(cannotReplace)) throw error;
    await tx.$executeRaw`ROLLBACK TO SAVEPOINT replacing`;
    await dropPostgres(tx, view);
    await tx.$executeRaw(Prisma.raw(sql));
  }
  await tx.$executeRaw(Prisma.raw(`COMMENT ON VIEW "${view.name}" IS '${sql.replaceAll("'", "''")}'`));
}

async function dropPostgres(tx: Statements, { name, source, stream }: StreamView): Promise<void> {
  try {
    await tx.$executeRaw(Prisma.raw(`DROP VIEW "${name}"`));
  } catch (error) {
    if (!codesOf(error).includes(hasDependents)) throw error;
    const message = `the columns of ${source}.${stream} changed, but views of yours are built on the view ${name}`;
    throw new ConfigError("SOURCE_INVALID", message, {
      source,
      stream,
      remedy: "drop them, start again, and create them anew",
      cause: error,
    });
  }
}
