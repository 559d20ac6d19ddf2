import { setRowType } from "@penstock/core/composite-rows";
import { storedInstant } from "@penstock/core/stored-instant";
import { Prisma } from "../generated/postgresql/client.ts";
import type { BulkValues } from "./bulk-values.ts";
import { type JsonDialect, postgresqlJson, sqliteJson } from "./json-dialect.ts";
import { keptPrepared } from "./prepared-statements.ts";
import type { Statements } from "./statements.ts";

/** Of the rows that a statement writes: those that were not there, and all. */
export type WrittenRows = { inserted: number; written: number };

/** Whether connections may keep it prepared: see {@link keptPrepared}. */
export type Upsert = { sql: Prisma.Sql; isKept: boolean };

/** All that the two databases do not say alike. Statements are built from these and from standard SQL. */
export type Dialect = {
  name: "sqlite" | "postgresql";
  /** The database's clock, in the format its timestamps are stored in. */
  now: Prisma.Sql;
  /** What the database calls itself. */
  version: Prisma.Sql;
  /** Whether the server takes no writes now, as a replica does not. */
  refusesWrites: Prisma.Sql;
  /** The database's clock, so much later; earlier where that is negative. */
  later(ms: number): Prisma.Sql;
  /** The number of the change that the transaction makes, see `queries/changes.ts`. */
  change: Prisma.Sql;
  /** The numbers below this one have all been given to transactions that have ended: none will appear among them any more. */
  changeHorizon: Prisma.Sql;
  /** An instant as a value of a timestamp column. */
  instant(value: Date): Prisma.Sql;
  /**
   * Sent first in every transaction where a transaction that begins with reading could not write later: SQLite gives it up
   * as soon as another process has written in between. It moves the clock of changes on by one.
   */
  takeWriteLock: Prisma.Sql | undefined;
  /** Page transactions of a run that are worth having side by side: SQLite has one at a time, whatever is asked. */
  lanes: number;
  /** Appended to a SELECT to lock its rows; SQLite's transactions have the whole database. */
  forUpdate: Prisma.Sql;
  /** The same, leaving out rows that another transaction has locked. */
  skipLocked: Prisma.Sql;
  /**
   * Rows of a JSON array of arrays as columns `c0, c1, …`, text but where a type is given. Instants are as `storedInstant` writes
   * them.
   */
  rowsOf(json: string, types: readonly (keyof typeof sqlTypes)[]): Prisma.Sql;
  /** Rows of records, in this database's format, as columns `key, ts, version, hash, data, extra`. */
  recordRows(piece: Uint8Array): Prisma.Sql;
  /** Executes an upsert of records and counts its rows. What is not inserted or updated was left as it is. */
  countWritten(db: Statements, upsert: Upsert): Promise<WrittenRows>;
  /** The same by the number of the page; `undefined` where a statement costs too little for several pages to share one. */
  countWrittenByPage: ((db: Statements, upsert: Upsert) => Promise<ReadonlyMap<number, WrittenRows>>) | undefined;
  /** Elements of a JSON array of texts, as a subquery with a column `key`. */
  textsOf(json: string): Prisma.Sql;
  /** What the HTTP API's queries are made of. */
  json: JsonDialect;
};

const sqlTypes = {
  text: "text",
  integer: "integer",
  boolean: "boolean",
  timestamp: "timestamptz",
  json: "jsonb",
} as const;

/** @param rowType the number of the type `new_record` in the database, once there is a connection */
export const postgresql = (bulk: BulkValues, rowType: () => number): Dialect => ({
  name: "postgresql",
  now: Prisma.sql`clock_timestamp()`,
  version: Prisma.sql`'PostgreSQL ' || current_setting('server_version')`,
  refusesWrites: Prisma.sql`(current_setting('transaction_read_only') = 'on')`,
  later: (ms) => Prisma.sql`clock_timestamp() + make_interval(secs => ${ms / 1_000}::double precision)`,
  instant: (value) => Prisma.sql`${value.toISOString()}::timestamptz`,
  change: Prisma.sql`(SELECT position + pg_current_xact_id()::text::bigint FROM change_clock)`,
  changeHorizon: Prisma.sql`(SELECT position + pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM change_clock)`,
  takeWriteLock: undefined,
  lanes: 2,
  forUpdate: Prisma.sql`FOR UPDATE`,
  skipLocked: Prisma.sql`FOR UPDATE SKIP LOCKED`,
  rowsOf: (json, types) => {
    const columns = types.map((type, i) => `(r.v->>${i})::${sqlTypes[type]} AS c${i}`).join(", ");
    return Prisma.sql`SELECT ${Prisma.raw(columns)} FROM jsonb_array_elements(${bulk.nameOf(json)}::jsonb) AS r(v)`;
  },
  recordRows: (piece) => {
    setRowType(piece, rowType());
    return Prisma.sql`SELECT key, ts, version, hash, data, extra FROM unnest(${bulk.nameOf(piece)}::new_record[])`;
  },
  countWritten: async (db, { sql, isKept }) => {
    const counting = Prisma.sql`
      WITH written AS (${sql} RETURNING revision)
      SELECT count(*) FILTER (WHERE revision = 1)::int AS inserted, count(*)::int AS written FROM written`;
    const [count] = await db.$queryRaw<[WrittenRows]>(isKept ? keptPrepared(counting) : counting);
    return count;
  },
  countWrittenByPage: async (db, { sql, isKept }) => {
    const counting = Prisma.sql`
      WITH written AS (${sql} RETURNING seq, revision)
      SELECT seq, count(*) FILTER (WHERE revision = 1)::int AS inserted, count(*)::int AS written FROM written GROUP BY seq`;
    const counts = await db.$queryRaw<({ seq: number } & WrittenRows)[]>(isKept ? keptPrepared(counting) : counting);
    return new Map(counts.map(({ seq, ...rows }) => [seq, rows]));
  },
  textsOf: (json) => Prisma.sql`SELECT jsonb_array_elements_text(${bulk.nameOf(json)}::jsonb) AS key`,
  json: postgresqlJson,
});

export const sqlite = (bulk: BulkValues): Dialect => ({
  name: "sqlite",
  now: Prisma.sql`strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')`,
  version: Prisma.sql`'SQLite ' || sqlite_version()`,
  refusesWrites: Prisma.sql`(1 = 0)`,
  later: (ms) => Prisma.sql`strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', ${`${ms < 0 ? "" : "+"}${ms / 1_000} seconds`})`,
  instant: (value) => Prisma.sql`${storedInstant(value.toISOString())}`,
  change: Prisma.sql`(SELECT position FROM change_clock)`,
  changeHorizon: Prisma.sql`(SELECT position + 1 FROM change_clock)`,
  takeWriteLock: Prisma.sql`UPDATE change_clock SET position = position + 1`,
  lanes: 1,
  forUpdate: Prisma.empty,
  skipLocked: Prisma.empty,
  rowsOf: (json, types) => {
    const columns = types.map((_, i) => `r.value ->> ${i} AS c${i}`).join(", ");
    // json_each would write each row as text again, to be parsed for each of its columns: a third of the whole statement.
    return Prisma.sql`SELECT ${Prisma.raw(columns)} FROM jsonb_each(${bulk.nameOf(json)}) AS r`;
  },
  recordRows: (
    piece,
  ) => Prisma.sql`SELECT r.value ->> 0 AS key, r.value ->> 1 AS ts, r.value ->> 2 AS version, r.value ->> 3 AS hash,
      r.value ->> 4 AS data, r.value ->> 5 AS extra FROM jsonb_each(${bulk.nameOf(piece)}) AS r`,
  // No INSERT in a WITH here. But whoever writes is alone, and a row that is added gets the rowid after the highest, so that counts them.
  countWritten: async (db, { sql }) => {
    const highest = async () =>
      Number(
        (await db.$queryRaw<[{ rowid: number | bigint | null }]>`SELECT max(rowid) AS rowid FROM records`)[0].rowid,
      );
    const before = await highest();
    const written = await db.$executeRaw(sql);
    return { inserted: (await highest()) - before, written };
  },
  countWrittenByPage: undefined,
  textsOf: (json) => Prisma.sql`SELECT value AS key FROM json_each(${bulk.nameOf(json)})`,
  json: sqliteJson,
});
