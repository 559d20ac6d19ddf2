import { InfrastructureError } from "@penstock/core/errors";
import type { Transaction as DriverTransaction, SqlDriverAdapter, SqlQueryable } from "@prisma/driver-adapter-utils";
import { Prisma } from "../generated/postgresql/client.ts";

/**
 * What takes statements: a Prisma client, or the driver adapter under it by itself. On its way through the client a statement takes half
 * a millisecond of the processor, which is more than most statements of the page transaction take in the database.
 *
 * In a row from the adapter an instant is text, and what the client gives as `bigint` a number or text.
 */
export type Statements = {
  $queryRaw<T = unknown>(query: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<T>;
  /** Returns the number of rows. */
  $executeRaw(query: TemplateStringsArray | Prisma.Sql, ...values: unknown[]): Promise<number>;
};

/** Sent to the driver adapter at once. */
export function statementsOf(queryable: SqlQueryable): Statements {
  return {
    $queryRaw: async <T>(query: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) => {
      const { columnNames, rows } = await queryable.queryRaw(queryOf(queryable, query, values));
      // Which columns there are is what the statement says, and so its caller.
      return rows.map((row) => named(columnNames, row)) as T;
    },
    $executeRaw: async (query, ...values) => await queryable.executeRaw(queryOf(queryable, query, values)),
  };
}

/** Row by row an object of the same form: an export has millions of them. */
function named(columns: readonly string[], row: readonly unknown[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (let i = 0; i < columns.length; i++) object[columns[i] ?? ""] = row[i];
  return object;
}

function queryOf(
  { provider }: SqlQueryable,
  query: TemplateStringsArray | Prisma.Sql,
  values: readonly unknown[],
): Parameters<SqlQueryable["queryRaw"]>[0] {
  const { text, sql, values: args } = "raw" in query ? Prisma.sql(query, ...values) : query;
  // Types matter for what is sent as text and is none; nothing here is.
  const argTypes = args.map(() => ({ scalarType: "unknown", arity: "scalar" }) as const);
  return { sql: provider === "postgres" ? text : sql, args, argTypes };
}

/**
 * The work in a transaction of the driver adapter's, which is rolled back when the work throws, or takes longer than `timeoutMs`: then
 * it gets no further statement, and the transaction ends when the database has answered the last.
 *
 * @throws InfrastructureError `DATABASE_BUSY` when the time is over
 */
export async function inDriverTransaction<T>(
  adapter: SqlDriverAdapter,
  timeoutMs: number,
  work: (tx: Statements) => Promise<T>,
): Promise<T> {
  const tx = await adapter.startTransaction();
  const expiry = Promise.withResolvers<never>();
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    expiry.reject(tookTooLong(timeoutMs));
  }, timeoutMs);
  const statements = statementsOf(tx);
  const inTime =
    <A extends unknown[], R>(send: (...args: A) => Promise<R>) =>
    (...args: A) =>
      isOver ? Promise.reject(tookTooLong(timeoutMs)) : send(...args);
  const open = { $queryRaw: inTime(statements.$queryRaw), $executeRaw: inTime(statements.$executeRaw) } as Statements;
  try {
    return await Promise.race([ended(tx, work(open)), expiry.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const tookTooLong = (timeoutMs: number) =>
  new InfrastructureError("DATABASE_BUSY", `a transaction took longer than ${timeoutMs / 1_000} s and was rolled back`);

/** The adapters send no COMMIT by themselves; `commit` and `rollback` give back what the transaction had to itself. */
async function ended<T>(tx: DriverTransaction, work: Promise<T>): Promise<T> {
  const send = (sql: string) => tx.executeRaw({ sql, args: [], argTypes: [] });
  let result: T;
  try {
    result = await work;
    await send("COMMIT");
  } catch (error) {
    // Over a broken connection there is nothing to say, and nothing to undo: the database has seen to it. Why it failed is in `error`.
    await send("ROLLBACK").catch(() => undefined);
    await tx.rollback();
    throw error;
  }
  await tx.commit();
  return result;
}
