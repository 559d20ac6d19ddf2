import { setTimeout as delay } from "node:timers/promises";
import { databaseTargets } from "@penstock/testing/databases";
import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import { PrismaPg } from "@prisma/adapter-pg";
import type { SqlDriverAdapter } from "@prisma/driver-adapter-utils";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Prisma } from "../generated/postgresql/client.ts";
import { createBulkValues, withBulkValues } from "./bulk-values.ts";
import { inDriverTransaction, statementsOf } from "./statements.ts";

describe.each(databaseTargets())("statements past the client on $name", ({ name, create }) => {
  const bulk = createBulkValues();
  let stack: AsyncDisposableStack;
  let adapter: SqlDriverAdapter;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const { url } = stack.adopt(await create(), (made) => made.drop());
    const factory = name === "sqlite" ? new PrismaBetterSqlite3({ url }) : new PrismaPg({ connectionString: url });
    adapter = stack.adopt(await withBulkValues(factory, bulk).connect(), (opened) => opened.dispose());
    await adapter.executeScript("CREATE TABLE counted (name TEXT PRIMARY KEY, n INTEGER, seen BOOLEAN)");
  });
  afterEach(() => stack.disposeAsync());

  const add = Prisma.sql`INSERT INTO counted (name, n, seen) VALUES (${"a"}, ${1}, ${true})`;
  const names = async () => await statementsOf(adapter).$queryRaw`SELECT name FROM counted ORDER BY name`;

  test("take fragments, nulls, truth and bulk values, and tell rows by the names of their columns", async () => {
    const { $executeRaw, $queryRaw } = statementsOf(adapter);
    expect(await $executeRaw(add)).toBe(1);
    expect(await $executeRaw`INSERT INTO counted (name, n) VALUES (${bulk.nameOf("b")}, ${null})`).toBe(1);
    const where = Prisma.sql`WHERE name <> ${"c"}`;
    const rows = await $queryRaw<{ name: string; n: number | null; seen: unknown }[]>`
      SELECT * FROM counted ${where} ORDER BY name`;
    expect(rows).toMatchObject([
      { name: "a", n: 1 },
      { name: "b", n: null, seen: null },
    ]);
    expect(Boolean(rows[0]?.seen)).toBe(true);
  });

  test("are committed together, or with an error in between not at all", async () => {
    const failed = inDriverTransaction(adapter, 5_000, async (tx) => {
      await tx.$executeRaw(add);
      await tx.$executeRaw(add);
    });
    await expect(failed).rejects.toMatchObject({ cause: { kind: expect.any(String) } });
    expect(await names()).toEqual([]);
    expect(await inDriverTransaction(adapter, 5_000, (tx) => tx.$executeRaw(add))).toBe(1);
    expect(await names()).toEqual([{ name: "a" }]);
  });

  test("are undone when their time is over, and the next transaction finds the connection as it should be", async () => {
    const sent: unknown[] = [];
    const late = inDriverTransaction(adapter, 50, async (tx) => {
      sent.push(await tx.$executeRaw(add));
      await delay(200);
      sent.push(await tx.$executeRaw`INSERT INTO counted (name) VALUES ('late')`);
    });
    await expect(late).rejects.toMatchObject({ name: "InfrastructureError", code: "DATABASE_BUSY" });
    await delay(300);
    expect(sent).toEqual([1]);
    expect(await names()).toEqual([]);
    expect(await inDriverTransaction(adapter, 5_000, (tx) => tx.$executeRaw(add))).toBe(1);
  });
});
