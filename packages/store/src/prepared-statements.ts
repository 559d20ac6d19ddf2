import type { SqlQuery } from "@prisma/driver-adapter-utils";
import type { ClientBase } from "pg";
import type { Prisma } from "../generated/postgresql/client.ts";

/*
 * Postgres reads, analyses and plans a statement each time that it comes, which for the one that writes records takes a seventh of the whole.
 * A statement with a name is kept by each connection, ready to be executed. For SQLite kept-statements.ts does the like.
 */

/** More than the texts there are; Postgres keeps each of them for each connection. */
const mostNames = 100;
const names = new Map<string, string>();

/**
 * A statement that comes with every page, of which there are a few texts only: the connections keep it. Not for one that says `SELECT *`:
 * Postgres refuses it once a column was added. And not for one whose best plan changes as tables grow: from the sixth time on, Postgres plans
 * a kept one no more until the table has been analysed, which is minutes later.
 */
export function keptPrepared(statement: Prisma.Sql): Prisma.Sql {
  const { text } = statement;
  if (!names.has(text) && names.size < mostNames) names.set(text, `penstock_${names.size}`);
  return statement;
}

/** The name of such a statement, none of any other. */
export function preparedName({ sql }: Pick<SqlQuery, "sql">): string {
  return names.get(sql) ?? "";
}

type Greeting = {
  /**
   * Whether the server itself is at the other end, and not a pooler, as PgBouncer is: in its transaction mode the next transaction is that of
   * another of the server's processes, which does not know the names. A pooler greets by itself, so the process that it names is not the one
   * that answers.
   */
  isDirect: boolean;
  /** The number of the type `new_record` in this database; 0 before it is migrated. */
  rowType: number;
};

/** What has to be known of a connection that begins. */
export async function greet(client: ClientBase): Promise<Greeting> {
  const { rows } = await client.query<{ pid: number; row_type: number }>(
    "SELECT pg_backend_pid() AS pid, COALESCE(to_regtype('new_record')::oid, 0) AS row_type",
  );
  // From BackendKeyData, with which a server greets.
  const greeted: unknown = Reflect.get(client, "processID");
  const [answer] = rows;
  return { isDirect: answer?.pid === greeted, rowType: answer?.row_type ?? 0 };
}
