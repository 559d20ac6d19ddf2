import { join } from "node:path";
import { testDir } from "@penstock/testing/temp-dir";
import { expect, test } from "vitest";
import { beginEmbeddedDatabase } from "./embedded-database.ts";
import { openPgliteThread } from "./pglite-thread.ts";

test("answers in order, with what Postgres says of an error, and passes on notifications", async () => {
  const folder = join(await testDir(), "queue");
  await beginEmbeddedDatabase(folder);
  const db = await openPgliteThread(folder);
  const heard: string[] = [];
  const forget = db.onNotification((channel, payload) => heard.push(`${channel}: ${payload}`));
  await db.exec("CREATE TABLE kept (id int PRIMARY KEY, data jsonb); LISTEN told");
  const insert = (id: number) => db.query("INSERT INTO kept VALUES ($1, $2) RETURNING id", [id, { id }]);
  const [first, again, select] = await Promise.allSettled([insert(1), insert(1), db.query("SELECT * FROM kept")]);
  expect(first).toMatchObject({ status: "fulfilled", value: { rows: [{ id: 1 }] } });
  expect(again).toMatchObject({
    status: "rejected",
    reason: { code: "23505", message: expect.stringContaining("duplicate key") },
  });
  expect(select).toMatchObject({ status: "fulfilled", value: { rows: [{ id: 1, data: { id: 1 } }] } });
  await db.exec("NOTIFY told, 'a'");
  forget();
  await db.exec("NOTIFY told, 'b'");
  expect(heard).toEqual(["told: a"]);
  await db.close();
});

test("keeps what it was told, and refuses what comes after its end", async () => {
  const folder = join(await testDir(), "queue");
  await beginEmbeddedDatabase(folder);
  const before = await openPgliteThread(folder);
  await before.exec("CREATE TABLE kept AS SELECT 1 AS id");
  await before.close();
  await expect(before.exec("SELECT 1")).rejects.toMatchObject({
    name: "InfrastructureError",
    code: "QUEUE_UNAVAILABLE",
  });
  const after = await openPgliteThread(folder);
  expect(await after.exec("SELECT id FROM kept")).toEqual([{ rows: [{ id: 1 }] }]);
  await after.close();
});

test("a statement answers the same each time, whatever became of it before", async () => {
  const folder = join(await testDir(), "queue");
  await beginEmbeddedDatabase(folder);
  const db = await openPgliteThread(folder);
  const text = "SELECT $1::text[] AS texts, $2::bigint AS number, $3::jsonb AS data, $4::text AS nothing";
  const values = [["a", 'b"{,}'], 12, { deep: [null, "é"] }, null];
  const [texts, number, data, nothing] = values;
  for (const _ of ["first", "kept"])
    expect((await db.query(text, values)).rows).toEqual([{ texts, number, data, nothing }]);
  const insert = (id: unknown) => db.query("INSERT INTO kept VALUES ($1)", [id]);
  await expect(insert(1)).rejects.toMatchObject({ code: "42P01" });
  await db.exec("CREATE TABLE kept (id int PRIMARY KEY)");
  await db.exec("BEGIN");
  await insert(1);
  await db.exec("ROLLBACK");
  await insert(1);
  await expect(insert("one")).rejects.toMatchObject({ code: "22P02" });
  await expect(insert(1)).rejects.toMatchObject({ code: "23505" });
  await insert(2);
  expect((await db.query("SELECT id FROM kept WHERE id > $1", [0])).rows).toEqual([{ id: 1 }, { id: 2 }]);
  const all = () => db.query("SELECT * FROM kept WHERE id < $1", [2]);
  expect((await all()).rows).toEqual([{ id: 1 }]);
  await db.exec("ALTER TABLE kept ADD COLUMN more int");
  await expect(all()).rejects.toMatchObject({ code: "0A000" });
  expect((await all()).rows).toEqual([{ id: 1, more: null }]);
  await db.exec("DEALLOCATE ALL");
  await expect(all()).rejects.toMatchObject({ code: "26000" });
  expect((await all()).rows).toEqual([{ id: 1, more: null }]);
  await db.close();
});
