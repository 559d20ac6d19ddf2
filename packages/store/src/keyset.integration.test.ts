import { join } from "node:path";
import { createSqliteDatabase } from "@penstock/testing/databases";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import type { Store } from "./store.ts";

/* What is listed from a place on enters its index there: however much is behind, a page costs the same. */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const stack = new AsyncDisposableStack();
const sent: string[] = [];
let store: Store;
let database: Database.Database;
beforeAll(async () => {
  const { url } = stack.adopt(await createSqliteDatabase(), (created) => created.drop());
  const observe = <T>(sql: string, send: () => Promise<T>) => {
    sent.push(sql);
    return send();
  };
  store = stack.adopt(await openStore({ url, migrationsRoot, observe }), (opened) => opened.close());
  database = stack.adopt(new Database(url.slice("file:".length)), (opened) => void opened.close());
});
afterAll(() => stack.disposeAsync());

/** How SQLite means to do what was sent last. */
function plan(): string {
  const sql = sent.at(-1) ?? "";
  const values = Array.from(sql.matchAll(/\?/g), () => "");
  return JSON.stringify(database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(values));
}

test("kept pages", async () => {
  const after = { observedAt: "2026-01-01T00:00:00.000Z", runId: "r", seq: 1, hash: "h" };
  await store.listRawPages({ source: "s", stream: "t", after, limit: 8 });
  expect(plan()).toContain("(source=? AND stream=? AND observed_at>?)");
});

test("the audit log, of a target too", async () => {
  const after = { at: new Date(), id: "a" };
  await store.listActions({ after, limit: 8 });
  expect(plan()).toContain("(at<?)");
  await store.listActions({ target: "s.t", after, limit: 8 });
  expect(plan()).toContain("(target=? AND at<?)");
});
