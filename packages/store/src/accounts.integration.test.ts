import { join } from "node:path";
import type { NewLetter } from "@penstock/core/letter";
import { batchOf, type RecordBatch } from "@penstock/core/record";
import type { RunIdentity } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import Database from "better-sqlite3";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor, partition } from "./page-of.ts";
import type { PageCommit, Store } from "./store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");

/** A statement of somebody who is not the store. */
async function tamper(url: string, sql: string): Promise<void> {
  if (url.startsWith("file:")) {
    const file = new Database(url.slice("file:".length));
    try {
      file.exec(sql);
    } finally {
      file.close();
    }
    return;
  }
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

describe.each(databaseTargets())("accounts on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  let stack: AsyncDisposableStack;
  let store: Store;
  let url: string;
  let run: RunIdentity;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    url = stack.adopt(await create(), (created) => created.drop()).url;
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    run = await start();
  });
  afterEach(() => stack.disposeAsync());

  const start = async () => (await store.startRun({ ...partition, mode: "incremental", takeOver: "none" })).run;
  const ended = async (of: RunIdentity) => (await store.readRun(of.runId))?.run;
  const letterOf = (key: string): NewLetter => ({
    ...partition,
    stage: "transform",
    kind: "record",
    key,
    code: "RECORD_INVALID",
    message: "m",
    path: null,
    payload: "{}",
    runId: run.runId,
    seq: 0,
    observedAt: new Date(),
    traceId: null,
  });
  /** The only page of a run, with so many good and bad records. */
  const pageWith = (of: RunIdentity, good: number, bad: string[], change: Partial<PageCommit> = {}) =>
    pageOf(of, {
      keys: Array.from({ length: good }, (_, i) => `good${i}`),
      letters: bad.map((key) => ({ ...letterOf(key), runId: of.runId })),
      deadLettered: bad.length,
      observedAt: new Date(),
      isLast: true,
      cursorOut: null,
      ...change,
    });
  const badKeys = (count: number) => Array.from({ length: count }, (_, i) => `bad${i}`);

  test("a page that is written in several pieces counts each record once", async () => {
    const records = (value: number, rowsOfInput = 1) =>
      batchOf(
        Array.from({ length: 2_000 }, (_, i) => {
          const data = JSON.stringify({ i, value: i % 2 === 0 ? 0 : value, note: "x".repeat(150) });
          const input = Math.floor(i / rowsOfInput);
          return { key: String(i).padStart(4, "0"), ts: null, version: null, data, hash: data, input };
        }),
        name,
      );
    const commit = async (seq: number, made: RecordBatch) => {
      expect(made.rows.length).toBeGreaterThan(3);
      const fetched = new Set(made.inputs).size;
      const page = pageOf(run, { seq, records: made, fetched, observedAt: new Date(Date.UTC(2026, 0, 2 + seq)) });
      const { account, rowsWritten } = await store.commitPage(page);
      return { ...account, rowsWritten };
    };
    expect(await commit(0, records(1))).toMatchObject({
      inserted: 2_000,
      updated: 0,
      unchanged: 0,
      rowsWritten: 2_000,
    });
    expect(await commit(1, records(2))).toMatchObject({ inserted: 0, updated: 1_000, unchanged: 1_000 });
    // Two rows of each input, of which one is new: from here on an input counts once, whatever piece its rows are in.
    expect(await commit(2, records(3, 2))).toMatchObject({ updated: 1_000, unchanged: 0, rowsWritten: 1_000 });
    expect(await store.queryView("SELECT COUNT(*) AS n FROM records")).toMatchObject([
      { n: expect.toSatisfy((n) => Number(n) === 2_000) },
    ]);
  });

  test("a page of ten megabytes is written", async () => {
    const note = "x".repeat(10_000);
    const made = Array.from({ length: 1_000 }, (_, input) => {
      const data = JSON.stringify({ input, note });
      return { key: String(input).padStart(4, "0"), ts: null, version: null, data, hash: String(input), input };
    });
    const { account } = await store.commitPage(pageOf(run, { records: batchOf(made, name), fetched: made.length }));
    expect(account).toMatchObject({ fetched: 1_000, inserted: 1_000 });
  });

  test("a page that lost count of a record is not committed, in no part", async () => {
    const page = pageOf(run, { keys: ["a", "b"], fetched: 3 });
    await expect(store.commitPage(page)).rejects.toMatchObject({ name: "PermanentError", code: "ACCOUNT_VIOLATED" });
    expect(await store.queryView("SELECT key FROM records")).toEqual([]);
    expect(await store.queryView("SELECT seq FROM pages")).toEqual([]);
    expect(await ended(run)).toMatchObject({ pages: 0, account: { fetched: 0 } });
  });

  test.each(["pages", "runs"])("the database itself refuses an account in %s that does not add up", async (table) => {
    await store.commitPage(pageOf(run));
    await expect(tamper(url, `UPDATE ${table} SET unchanged = unchanged + 1`)).rejects.toThrow(/account/);
    const [row] = await store.queryView(`SELECT fetched, inserted, unchanged FROM ${table}`);
    expect(row).toMatchObject({ fetched: 3, inserted: 3, unchanged: 0 });
  });

  test("a run whose account is not the sum of its pages' fails", async () => {
    await store.commitPage(pageOf(run));
    await tamper(url, "UPDATE runs SET fetched = fetched + 1, unchanged = unchanged + 1");
    await store.commitPage(pageOf(run, { seq: 1, keys: ["d"], isLast: true, cursorOut: null }));
    expect(await ended(run)).toMatchObject({ status: "failed", errorCode: "ACCOUNT_VIOLATED" });
  });

  test("a run that is mostly bad fails, and names its budget", async () => {
    await store.commitPage(pageWith(run, 2, badKeys(3)));
    expect(await ended(run)).toMatchObject({ status: "failed", errorCode: "BUDGET_EXCEEDED" });
    expect((await ended(run))?.errorMessage).toBe("3 of 5 records were dead-lettered; the stream's budget is 50 %");
  });

  test("a run that only meets again the bad record that is known succeeds", async () => {
    await store.commitPage(pageWith(run, 0, ["known"]));
    const idle = await start();
    await store.commitPage(pageWith(idle, 0, ["known"], { contentHash: "idle" }));
    expect(await ended(run)).toMatchObject({ status: "failed", errorCode: "BUDGET_EXCEEDED" });
    expect(await ended(idle)).toMatchObject({ status: "succeeded", account: { deadLettered: 1 } });
    const another = await start();
    await store.commitPage(pageWith(another, 0, ["known", "news"], { contentHash: "another" }));
    expect(await ended(another)).toMatchObject({ status: "failed" });
  });

  test("many that are known fail it all the same", async () => {
    await store.commitPage(pageWith(run, 0, badKeys(10)));
    const again = await start();
    await store.commitPage(pageWith(again, 0, badKeys(10), { contentHash: "again" }));
    expect(await ended(again)).toMatchObject({ status: "failed", errorCode: "BUDGET_EXCEEDED" });
  });

  test("a count is a count: the run stops as soon as it is exceeded", async () => {
    const deadLetterBudget = { kind: "count", most: 2 } as const;
    const page = pageWith(run, 100, badKeys(2), { deadLetterBudget, isLast: false, cursorOut: "c1" });
    expect(await store.commitPage(page)).toMatchObject({ endedRun: false, runStatus: "running" });
    const next = pageWith(run, 1, ["one-more"], { deadLetterBudget, seq: 1, isLast: false, cursorOut: "c2" });
    expect(await store.commitPage(next)).toMatchObject({ endedRun: true, runStatus: "failed" });
    expect((await ended(run))?.errorMessage).toContain("stopped before its end");
  });

  test("a share stops the run when a thousand letters say so", async () => {
    const page = { isLast: false, cursorOut: "c1", letters: [], deadLettered: 999 };
    expect(await store.commitPage(pageWith(run, 3, [], page))).toMatchObject({ runStatus: "running" });
    expect(
      await store.commitPage(pageWith(run, 0, ["last-straw"], { seq: 1, isLast: false, cursorOut: "c2" })),
    ).toMatchObject({ runStatus: "failed" });
  });

  test("the earliest start by the API's clock is the run's, whoever noted it first", async () => {
    const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    for (const second of [5, 3, 4]) await store.noteApiStart(run.runId, at(second));
    expect((await ended(run))?.apiStartedAt).toEqual(at(3));
  });
});
