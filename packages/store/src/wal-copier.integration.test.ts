import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RunIdentity } from "@penstock/core/run";
import { createSqliteDatabase } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor, partition } from "./page-of.ts";
import type { Store } from "./store.ts";
import { createWalCopier } from "./wal-copier.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const pageBytes = 500_000;
/** Where SQLite itself would begin to copy: `wal_autocheckpoint`, in its pages of 4 kB. */
const longestLog = 8_192 * 4_096;

describe("SQLite's log", () => {
  let stack: AsyncDisposableStack;
  let path: string;
  let store: Store;
  let run: RunIdentity;
  const pageOf = pagesFor("sqlite");

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const { url } = stack.adopt(await createSqliteDatabase(), (created) => created.drop());
    path = url.slice("file:".length);
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    run = (await store.startRun({ ...partition, mode: "incremental", takeOver: "none" })).run;
  });
  afterEach(() => stack.disposeAsync());

  const commit = async (from: number, pages: number) => {
    for (let seq = from; seq < from + pages; seq++) {
      const keys = Array.from({ length: 10 }, (_, i) => `k${seq}-${i}`);
      await store.commitPage(pageOf(run, { seq, keys, value: "v".repeat(pageBytes / keys.length) }));
    }
  };

  test("is copied into the file before it is full, and begins anew when it is", async () => {
    await commit(0, 3);
    await waitUntil(() => statSync(path).size > pageBytes, { what: "records in the file" });
    expect(statSync(`${path}-wal`).size).toBeLessThan(longestLog / 2);
    const pages = Math.ceil((2 * longestLog) / pageBytes);
    await commit(3, pages);
    expect(statSync(`${path}-wal`).size).toBeLessThan(longestLog * 1.5);
    expect((await store.readRun(run.runId))?.run.account.inserted).toBe((pages + 3) * 10);
  });

  test("is gone when the store is closed, whoever copied last", async () => {
    await commit(0, 8);
    await stack.disposeAsync();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });
});

test("a thread that finds no file ends by itself, and nobody waits for it, however often it is closed", async () => {
  const { url, drop } = await createSqliteDatabase();
  const copier = createWalCopier(url.slice("file:".length));
  await drop();
  for (let i = 0; i < 3; i++) copier.noteWritten(1_000_000);
  await expect(copier.close()).resolves.toBeUndefined();
  await expect(copier.close()).resolves.toBeUndefined();
});
