import { join } from "node:path";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, beforeEach, expect, test } from "vitest";
import { beginEmbeddedDatabase } from "./embedded-database.ts";
import { type LastingPglite, lastingPglite } from "./lasting-pglite.ts";
import { createPglitePool } from "./pglite-pool.ts";
import { openPgliteThread, type PgliteThread } from "./pglite-thread.ts";

const unavailable = { name: "InfrastructureError", code: "QUEUE_UNAVAILABLE" };
let folder: string;
let current: PgliteThread;
let db: LastingPglite;
let reports: unknown[];
let failures: number;
beforeEach(async () => {
  folder = join(await testDir(), "queue");
  reports = [];
  failures = 0;
  await beginEmbeddedDatabase(folder);
  current = await openPgliteThread(folder);
  await current.exec("CREATE TABLE kept (n int)");
  const open = async () => {
    if (failures-- > 0) throw new Error("still no room");
    current = await openPgliteThread(folder);
    return current;
  };
  db = lastingPglite(current, open, (error) => reports.push(error));
});
afterEach(() => db.close());

const isBack = () =>
  db.query("SELECT 1").then(
    () => true,
    () => false,
  );

test("what ended is opened again, with all that was committed; what is asked meanwhile is refused", async () => {
  await db.exec("INSERT INTO kept VALUES (1)");
  failures = 1;
  const asked = db.query("SELECT pg_sleep(10)");
  const rejected = expect(asked).rejects.toMatchObject(unavailable);
  await current.kill();
  await rejected;
  await expect(db.query("SELECT 1")).rejects.toMatchObject(unavailable);
  await waitUntil(isBack, { what: "the session to be back", timeoutMs: 30_000 });
  expect(await db.exec("SELECT n FROM kept")).toEqual([{ rows: [{ n: 1 }] }]);
  expect(reports).toEqual([expect.objectContaining(unavailable), new Error("still no room")]);
});

test("its clients hear of the end, listen anew, and a transaction begun before it fails to its end", async () => {
  const pool = createPglitePool(db);
  const [listening, writing] = [await pool.connect(), await pool.connect()];
  const errors: unknown[] = [];
  listening.on("error", (error) => void errors.push(error));
  await writing.query("BEGIN");
  await writing.query("INSERT INTO kept VALUES ($1)", [1]);
  await current.kill();
  await expect(writing.query("INSERT INTO kept VALUES (2)")).rejects.toMatchObject(unavailable);
  await waitUntil(isBack, { what: "the session to be back", timeoutMs: 30_000 });
  await expect(writing.query("INSERT INTO kept VALUES (3)")).rejects.toMatchObject(unavailable);
  await expect(writing.query("COMMIT")).rejects.toMatchObject(unavailable);
  expect(errors).toEqual([expect.objectContaining(unavailable)]);
  expect((await pool.query("SELECT n FROM kept")).rows).toEqual([]);

  const heard: unknown[] = [];
  listening.on("notification", ({ payload }) => void heard.push(payload));
  await listening.query("LISTEN news");
  await pool.query("SELECT pg_notify('news', 'one')");
  await waitUntil(() => heard.length === 1, { what: "the notification" });
});

test("closing while it is being opened ends it", async () => {
  failures = 1;
  await current.kill();
  await waitUntil(() => reports.length === 2, { what: "a failed attempt" });
  const closingAt = performance.now();
  await db.close();
  // Waiting for the next attempt would: it keeps no process alive, which then ends with all else still open.
  expect(performance.now() - closingAt).toBeLessThan(1_000);
  const other = await openPgliteThread(folder);
  expect((await other.query("SELECT n FROM kept")).rows).toEqual([]);
  await other.close();
});
