import type { SqlDriverAdapterFactory } from "@prisma/driver-adapter-utils";
import Database from "better-sqlite3";

/** More than the texts there are of statements that write; the oldest goes when there are more. */
const mostKept = 200;

/**
 * The same factory, whose adapter compiles each text of a statement once. Prisma's adapter for SQLite compiles it every time, which is a
 * tenth of the time of a page.
 */
export function withKeptStatements(factory: SqlDriverAdapterFactory): SqlDriverAdapterFactory {
  return {
    ...{ provider: factory.provider, adapterName: factory.adapterName },
    connect: async () => {
      const adapter = await factory.connect();
      // The one thing of it that is not public; without it statements would be compiled each time, so say so.
      const client: unknown = Reflect.get(adapter, "client");
      if (!(client instanceof Database))
        throw new TypeError("Prisma's adapter for SQLite holds its connection elsewhere");
      keepStatements(client);
      return adapter;
    },
  };
}

type Prepare = (sql: string) => Database.Statement;

function keepStatements(client: Database.Database): void {
  const compile: Prepare = client.prepare.bind(client);
  const kept = new Map<string, Database.Statement>();
  const prepare: Prepare = (sql) => {
    const statement = kept.get(sql) ?? compile(sql);
    kept.delete(sql);
    kept.set(sql, statement);
    const [oldest] = kept.size > mostKept ? kept.keys() : [];
    if (oldest !== undefined) kept.delete(oldest);
    return unbound(statement);
  };
  Object.assign(client, { prepare });
}

/**
 * Parameters that are bound stay so for the life of a statement: here they come with each execution instead. And the columns are asked
 * for behind the rows: SQLite compiles a statement anew as it is executed when a table has changed since, as by a newer program.
 */
function unbound(statement: Database.Statement, parameters: unknown[] = []): Database.Statement {
  let rows: unknown[] | undefined;
  const read = () => (rows ??= statement.raw().all(parameters));
  const columns = () => {
    read();
    return statement.columns();
  };
  return Object.assign(Object.create(statement), {
    bind: (given: unknown[]) => unbound(statement, given),
    run: () => statement.run(parameters),
    columns,
    raw: () => ({ all: read }),
  });
}
