import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { waitUntil } from "@penstock/testing/wait-until";
import type { PgPool } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { beginEmbeddedDatabase } from "./embedded-database.ts";
import { createPglitePool } from "./pglite-pool.ts";

let folder: string;
let db: PGlite;
let pool: PgPool;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "penstock-pglite-"));
  await beginEmbeddedDatabase(join(folder, "queue"));
  db = await PGlite.create(join(folder, "queue"));
  pool = createPglitePool(db);
  await pool.query("CREATE TABLE t (n int); CREATE TABLE u (n int)");
});
afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true });
});

const count = async (table: string) =>
  (await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)).rows[0]?.n;

test("a client in a transaction has the session to itself", async () => {
  const client = await pool.connect();
  await client.query("BEGIN");
  await client.query("INSERT INTO t VALUES ($1)", [1]);
  const outside = pool.query("INSERT INTO u VALUES (1)");
  await client.query("ROLLBACK");
  await outside;
  expect([await count("t"), await count("u")]).toEqual([0, 1]);
});

test("one transaction waits for the other, and a client that is released ends its turn", async () => {
  const [first, second] = [await pool.connect(), await pool.connect()];
  await first.query("BEGIN");
  let hasBegun = false;
  const begun = second.query("BEGIN").then(() => {
    hasBegun = true;
  });
  await first.query("SELECT 1");
  expect(hasBegun).toBe(false);
  await first.query("COMMIT");
  await begun;
  await second.query("ROLLBACK");
  first.release();
  second.release();
  expect(await count("t")).toBe(0);
});

test("of several transactions that wait for one, each has the session to itself", async () => {
  const [first, second, third] = [await pool.connect(), await pool.connect(), await pool.connect()];
  await first.query("BEGIN");
  const begun: number[] = [];
  const begins = [second, third].map((client, i) => client.query("BEGIN").then(() => begun.push(i)));
  await first.query("COMMIT");
  await begins[0];
  await second.query("INSERT INTO t VALUES (1)");
  expect(begun).toEqual([0]);
  await second.query("ROLLBACK");
  await begins[1];
  await third.query("COMMIT");
  expect(await count("t")).toBe(0);
});

test("notifications reach the clients that listen, until they are released", async () => {
  const client = await pool.connect();
  const heard: unknown[] = [];
  client.on("notification", ({ channel, payload }) => void heard.push([channel, payload]));
  await client.query("LISTEN news");
  await pool.query("SELECT pg_notify('news', 'one')");
  await waitUntil(() => heard.length === 1, { what: "the notification" });
  client.release();
  await pool.query("SELECT pg_notify('news', 'two')");
  expect(heard).toEqual([["news", "one"]]);
});
