import { Prisma } from "../generated/postgresql/client.ts";
import type { Prisma as Client } from "./client.ts";
import type { Dialect } from "./dialect.ts";

type Row = Record<string, unknown>;

/** A query that the database itself keeps from writing, with values that are alike on both databases. */
export async function queryView(db: Client, dialect: Dialect, sql: string): Promise<Row[]> {
  if (dialect.name === "sqlite") return (await querySqlite(db, sql)).map(plain);
  const [, rows] = await db.$transaction([db.$executeRaw`SET TRANSACTION READ ONLY`, db.$queryRawUnsafe<Row[]>(sql)]);
  return rows.map(plain);
}

/**
 * The connection for reading was opened so that it cannot write. Prisma's adapter asks for the columns of a statement before
 * SQLite notices that another connection has changed a view; any query before it makes it notice.
 */
async function querySqlite(db: Client, sql: string): Promise<Row[]> {
  await db.$queryRaw`SELECT 1 FROM sqlite_master LIMIT 1`;
  return db.$queryRawUnsafe<Row[]>(sql);
}

function plain(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, plainValue(value)]));
}

/** Integers that a number holds exactly and decimals become numbers, instants ISO text in UTC. */
function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Date) return value.toISOString();
  return Prisma.Decimal.isDecimal(value) ? Number(value) : value;
}
