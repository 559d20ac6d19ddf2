import { Prisma } from "../generated/postgresql/client.ts";

/** All that the two databases do not say alike. Statements are built from these and from standard SQL. */
export type Dialect = {
  name: "sqlite" | "postgresql";
  /** The database's clock, in the format its timestamps are stored in. */
  now: Prisma.Sql;
  /** An instant as a value of a timestamp column. */
  instant(value: Date): Prisma.Sql;
  /**
   * Sent first in every transaction where a transaction that begins with reading could not write later: SQLite gives it up
   * as soon as another process has written in between.
   */
  takeWriteLock: Prisma.Sql | undefined;
  /** Appended to a SELECT to lock its rows; SQLite's transactions have the whole database. */
  forUpdate: Prisma.Sql;
  /** Rows of a JSON array of arrays as columns `c0, c1, …`, text but where a type is given. */
  rowsOf(json: string, types: readonly ("text" | "integer" | "timestamp" | "json")[]): Prisma.Sql;
  /** Elements of a JSON array of texts, as a subquery. */
  textsOf(json: string): Prisma.Sql;
};

const sqlTypes = { text: "text", integer: "integer", timestamp: "timestamptz", json: "jsonb" } as const;

export const postgresql: Dialect = {
  name: "postgresql",
  now: Prisma.sql`clock_timestamp()`,
  instant: (value) => Prisma.sql`${value.toISOString()}::timestamptz`,
  takeWriteLock: undefined,
  forUpdate: Prisma.sql`FOR UPDATE`,
  rowsOf: (json, types) => {
    const columns = types.map((type, i) => `(r.v->>${i})::${sqlTypes[type]} AS c${i}`).join(", ");
    return Prisma.sql`SELECT ${Prisma.raw(columns)} FROM jsonb_array_elements(${json}::jsonb) AS r(v)`;
  },
  textsOf: (json) => Prisma.sql`SELECT jsonb_array_elements_text(${json}::jsonb)`,
};

export const sqlite: Dialect = {
  name: "sqlite",
  now: Prisma.sql`strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')`,
  instant: (value) => Prisma.sql`${storedInstant(value)}`,
  takeWriteLock: Prisma.sql`UPDATE checkpoints SET fence = fence WHERE false`,
  forUpdate: Prisma.empty,
  rowsOf: (json, types) => {
    const columns = types.map((_type, i) => `json_extract(r.value, '$[${i}]') AS c${i}`).join(", ");
    return Prisma.sql`SELECT ${Prisma.raw(columns)} FROM json_each(${json}) AS r`;
  },
  textsOf: (json) => Prisma.sql`SELECT value FROM json_each(${json})`,
};

/** The text Prisma's SQLite adapter writes for an instant, so that its reads and ours, and comparisons of text, agree. */
export function storedInstant(value: Date): string {
  return `${value.toISOString().slice(0, -1)}+00:00`;
}
