import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Prisma } from "../generated/sqlite/client.ts";
import { withKeptStatements } from "./kept-statements.ts";
import { type Statements, statementsOf } from "./statements.ts";

describe("a statement of SQLite", () => {
  let stack: AsyncDisposableStack;
  let db: Statements;
  const compiled = vi.spyOn(Database.prototype, "prepare");

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const connect = () => withKeptStatements(new PrismaBetterSqlite3({ url: ":memory:" })).connect();
    const adapter = stack.adopt(await connect(), (connected) => connected.dispose());
    db = statementsOf(adapter);
    await db.$executeRaw`CREATE TABLE t (a TEXT, n INTEGER)`;
    compiled.mockClear();
  });
  afterEach(() => stack.disposeAsync());

  const insert = (a: string | null, n: number) => db.$executeRaw`INSERT INTO t (a, n) VALUES (${a}, ${n})`;
  const rows = () => db.$queryRaw`SELECT a, n FROM t ORDER BY n`;

  test("is compiled once, and takes other values each time", async () => {
    expect([await insert("x", 1), await insert(null, 2), await insert("y", 3)]).toEqual([1, 1, 1]);
    expect(compiled).toHaveBeenCalledTimes(1);
    const all = [
      { a: "x", n: 1 },
      { a: null, n: 2 },
      { a: "y", n: 3 },
    ];
    expect([await rows(), await rows()]).toEqual([all, all]);
    expect(compiled).toHaveBeenCalledTimes(2);
  });

  test("is right after an error, and after the table has changed", async () => {
    await db.$executeRaw`CREATE UNIQUE INDEX i ON t (n)`;
    await insert("x", 1);
    await expect(insert("x", 1)).rejects.toMatchObject({ cause: { kind: "UniqueConstraintViolation" } });
    await db.$executeRaw`ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'm'`;
    expect(await insert("y", 2)).toBe(1);
    expect(await rows()).toHaveLength(2);
  });

  test("names its columns as they are, when another program has added one since", async () => {
    await insert("x", 1);
    const all = () => db.$queryRaw`SELECT t.*, 'last' AS l FROM t`;
    expect(await all()).toEqual([{ a: "x", n: 1, l: "last" }]);
    await db.$executeRaw`ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'm'`;
    expect(await all()).toEqual([{ a: "x", n: 1, more: "m", l: "last" }]);
  });

  test("is forgotten when there were many others since", async () => {
    await insert("x", 1);
    for (let i = 0; i < 250; i++) await db.$queryRaw(Prisma.raw(`SELECT ${i} AS i`));
    compiled.mockClear();
    await insert("y", 2);
    expect(compiled).toHaveBeenCalledTimes(1);
  });
});
