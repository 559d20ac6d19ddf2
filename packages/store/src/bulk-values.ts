import { randomUUID } from "node:crypto";
import type { SqlDriverAdapter, SqlDriverAdapterFactory, SqlQueryable } from "@prisma/driver-adapter-utils";

/**
 * Texts of some hundred kilobytes, or the bytes of such, on their way into a statement. Prisma writes the parameters of a raw statement into JSON
 * and parses them again before they reach the driver, which costs as much as the statement itself does. So a statement gets
 * a short name instead of the text, and the adapter puts the text in its place.
 */
export type BulkValues = {
  /** A name that stands for `value` in the parameters of one statement. */
  nameOf(value: string | Uint8Array): string;
  /** The parameters with values in place of names; a name is good once. */
  resolve(parameters: readonly unknown[]): unknown[];
};

/** Sends a statement, and may look at how long that takes. `sql` has no values in it. */
export type ObserveStatement = <T>(sql: string, send: () => Promise<T>) => Promise<T>;

/** Names of statements that were never sent, since their transaction had died, would stay for ever. */
const maxWaiting = 64;

export function createBulkValues(): BulkValues {
  // Random, so that no text out of an API is ever taken for a name.
  const prefix = `bulk:${randomUUID()}:`;
  const waiting = new Map<string, string | Uint8Array>();
  let count = 0;
  const take = (name: string): string | Uint8Array => {
    const value = waiting.get(name);
    if (value === undefined) throw new RangeError("a statement was sent twice, or long after it was made");
    waiting.delete(name);
    return value;
  };
  return {
    nameOf: (value) => {
      const [oldest] = waiting.size >= maxWaiting ? waiting.keys() : [];
      if (oldest !== undefined) waiting.delete(oldest);
      const name = `${prefix}${count++}`;
      waiting.set(name, value);
      return name;
    },
    resolve: (parameters) =>
      parameters.map((value) => (typeof value === "string" && value.startsWith(prefix) ? take(value) : value)),
  };
}

/** The same factory, whose adapter puts bulk values in place of their names; however often it is asked to connect, there is one. */
export function withBulkValues(
  factory: SqlDriverAdapterFactory,
  values: BulkValues,
  observe: ObserveStatement = (_sql, send) => send(),
): SqlDriverAdapterFactory {
  let connected: Promise<SqlDriverAdapter> | undefined;
  const connect = async () => {
    const adapter = resolving(await factory.connect(), values, observe);
    const start = adapter.startTransaction.bind(adapter);
    adapter.startTransaction = async (level) => resolving(await start(level), values, observe);
    const dispose = adapter.dispose.bind(adapter);
    let disposed: Promise<void> | undefined;
    adapter.dispose = () => (disposed ??= dispose());
    return adapter;
  };
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: () => (connected ??= connect()),
  };
}

function resolving<T extends SqlQueryable>(queryable: T, values: BulkValues, observe: ObserveStatement): T {
  const queryRaw = queryable.queryRaw.bind(queryable);
  const executeRaw = queryable.executeRaw.bind(queryable);
  const resolved = <Q extends { args: unknown[] }>(query: Q): Q => ({ ...query, args: values.resolve(query.args) });
  queryable.queryRaw = (query) => observe(query.sql, () => queryRaw(resolved(query)));
  queryable.executeRaw = (query) => observe(query.sql, () => executeRaw(resolved(query)));
  return queryable;
}
