import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { NewLetter } from "@penstock/core/letter";
import type { RunIdentity } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { changedRecords, pagesFor, partition } from "./page-of.ts";
import type { Store } from "./store.ts";

const author = { actor: "cli:test@here", reason: null };
const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const live = { ...partition, mode: "incremental", takeOver: "none" } as const;

describe.each(databaseTargets())("the store on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  let stack: AsyncDisposableStack;
  let store: Store;
  let url: string;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const database = stack.adopt(await create(), (created) => created.drop());
    url = database.url;
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  });
  afterEach(() => stack.disposeAsync());

  const start = async (): Promise<RunIdentity> => (await store.startRun(live)).run;
  const takeOver = async (): Promise<RunIdentity> => (await store.startRun({ ...live, takeOver: "any" })).run;
  const runOf = async ({ runId }: RunIdentity) => (await store.readRun(runId))?.run;
  const bound = async () => (await store.checkpoint("s", "t", "live"))?.bound ?? null;
  const rows = () => store.queryView("SELECT key, revision, run_id, seq, version FROM records ORDER BY key");
  const valueAt = async (key: string) => {
    const [row] = await store.queryView(`SELECT data FROM records WHERE key = '${key}'`);
    const data = row?.["data"];
    return (typeof data === "string" ? JSON.parse(data) : data)?.value;
  };
  const letterOf = (run: RunIdentity, change: Partial<NewLetter> = {}): NewLetter => ({
    source: "s",
    stream: "t",
    partition: "live",
    stage: "transform",
    kind: "record",
    key: "bad",
    code: "RECORD_INVALID",
    message: "m",
    path: "value",
    payload: '{"id":"bad"}',
    runId: run.runId,
    seq: 0,
    observedAt: new Date("2026-01-01T00:00:00Z"),
    traceId: null,
    ...change,
  });

  describe("runs", () => {
    test("of twenty starters one gets the run, the others find it", async () => {
      const started = await Promise.all(Array.from({ length: 20 }, () => store.startRun(live)));
      expect(started.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect(new Set(started.map(({ run }) => run.runId)).size).toBe(1);
      expect(await store.liveRuns()).toHaveLength(1);
    });

    test("a take-over of a named run is a compare-and-swap", async () => {
      const first = await start();
      expect(await store.startRun({ ...live, takeOver: { runId: "another" } })).toMatchObject({
        isNew: false,
        run: { runId: first.runId },
      });
      const second = await store.startRun({ ...live, takeOver: { runId: first.runId } });
      expect(second).toMatchObject({ isNew: true, superseded: first.runId, run: { fence: first.fence + 1 } });
      expect(await runOf(first)).toMatchObject({ status: "superseded", errorCode: "RUN_SUPERSEDED" });
    });

    test("ending a run works once", async () => {
      const run = await start();
      expect(await store.endRun(run.runId, { status: "failed", code: "TIMEOUT", message: "m" })).toBe(true);
      expect(await store.endRun(run.runId, { status: "cancelled" })).toBe(false);
      expect(await runOf(run)).toMatchObject({ status: "failed", errorCode: "TIMEOUT" });
    });

    test("readRun gives run, pause and the database's clock together", async () => {
      const run = await start();
      await store.setPaused("s", "t", true, { actor: "test", reason: null });
      const state = await store.readRun(run.runId);
      expect(state).toMatchObject({ isPaused: true, run: { runId: run.runId, status: "running", committedSeq: -1 } });
      expect(Math.abs((state?.now.getTime() ?? 0) - Date.now())).toBeLessThan(5_000);
      expect(await store.readRun("none")).toBeUndefined();
    });

    test("a full run starts from nothing whatever the bound", async () => {
      await store.importBound("s", "t", "live", "7");
      expect((await store.startRun({ ...live, mode: "full" })).run.boundAtStart).toBeNull();
    });
  });

  describe("the page transaction", () => {
    test("counts inserted, updated and unchanged over inputs", async () => {
      const run = await start();
      const first = await store.commitPage(pageOf(run));
      expect(first).toMatchObject({
        isFirst: true,
        rowsWritten: 3,
        account: { fetched: 3, inserted: 3, updated: 0, unchanged: 0 },
      });
      const later = new Date("2026-01-02T00:00:00Z");
      const page = pageOf(run, { seq: 1, keys: ["b", "c", "d"], value: 2, observedAt: later });
      const same = changedRecords(page, (record) =>
        record.key === "c" ? { ...record, data: '{"value":1}', hash: '{"value":1}' } : record,
      );
      expect((await store.commitPage({ ...page, records: same })).account).toMatchObject({
        inserted: 1,
        updated: 1,
        unchanged: 1,
      });
      expect(await rows()).toMatchObject([
        { key: "a", revision: 1 },
        { key: "b", revision: 2, seq: 1 },
        { key: "c", revision: 1, seq: 0 },
        { key: "d", revision: 1 },
      ]);
      expect(await runOf(run)).toMatchObject({
        pages: 2,
        account: { fetched: 6, inserted: 4, updated: 1, unchanged: 1 },
      });
    });

    test("an input that makes several rows counts once", async () => {
      const run = await start();
      await store.commitPage(pageOf(run, { keys: ["old"] }));
      const page = pageOf(run, { seq: 1, keys: ["new", "old", "x", "y"], fetched: 2 });
      const records = changedRecords(page, (record) => ({
        ...record,
        input: record.key === "new" || record.key === "old" ? 0 : 1,
      }));
      expect(await store.commitPage({ ...page, records })).toMatchObject({
        rowsWritten: 3,
        account: { fetched: 2, inserted: 2, updated: 0, unchanged: 0 },
      });
    });

    test("a redelivered page changes nothing and counts nowhere", async () => {
      const run = await start();
      const page = pageOf(run, { letters: [letterOf(run)], deadLettered: 1 });
      await store.commitPage(page);
      expect(await store.commitPage(page)).toMatchObject({ isFirst: false, rowsWritten: 0 });
      expect(await runOf(run)).toMatchObject({ pages: 1, account: { fetched: 4, inserted: 3, deadLettered: 1 } });
      expect(await store.listLetters({ limit: 9 })).toMatchObject([{ attempts: 1 }]);
    });

    test("another content of the same page is written and counted nowhere", async () => {
      const run = await start();
      await store.commitPage(pageOf(run));
      const other = await store.commitPage(
        pageOf(run, { keys: ["z"], cursorOut: "elsewhere", letters: [letterOf(run)], deadLettered: 1 }),
      );
      expect(other).toMatchObject({ isFirst: false, rowsWritten: 1 });
      expect(await rows()).toHaveLength(4);
      expect(await store.countLetters({})).toBe(1);
      expect(await runOf(run)).toMatchObject({ pages: 1, account: { fetched: 3 } });
    });

    test("the bound moves with the linked prefix, in whatever order pages come", async () => {
      const run = await start();
      await store.commitPage(pageOf(run, { seq: 1, keys: ["b"] }));
      expect(await bound()).toBeNull();
      await store.commitPage(pageOf(run, { seq: 0, keys: ["a"] }));
      expect(await bound()).toBe("20");
      expect(await store.commitPage(pageOf(run, { seq: 2, keys: ["c"], isLast: true, cursorOut: null }))).toMatchObject(
        { endedRun: true, runStatus: "succeeded" },
      );
      expect(await bound()).toBe("30");
      expect(await store.liveRuns()).toEqual([]);
    });

    test("a page behind another successor does not extend the prefix", async () => {
      const run = await start();
      await store.commitPage(pageOf(run, { seq: 0 }));
      await store.commitPage(pageOf(run, { seq: 1, cursorIn: "forked", isLast: true, cursorOut: null }));
      expect(await bound()).toBe("10");
      expect(await runOf(run)).toMatchObject({ status: "running", committedSeq: 0 });
    });

    test("concurrent commits lose no step of the prefix", async () => {
      const run = await start();
      const pages = Array.from({ length: 12 }, (_, seq) =>
        pageOf(run, { seq, keys: [`k${seq}`], ...(seq === 11 && { isLast: true, cursorOut: null }) }),
      );
      await Promise.all(pages.reverse().map((page) => store.commitPage(page)));
      expect(await runOf(run)).toMatchObject({ status: "succeeded", committedSeq: 11, pages: 12 });
      expect(await bound()).toBe("120");
    });

    test("overlapping pages in opposite directions do not deadlock into an error", async () => {
      const run = await start();
      const keys = Array.from({ length: 50 }, (_, i) => `k${String(i).padStart(2, "0")}`);
      const pages = Array.from({ length: 8 }, (_, seq) =>
        pageOf(run, { seq, keys, value: seq, observedAt: new Date(Date.UTC(2026, 0, 1 + seq)) }),
      );
      await Promise.all(pages.map((page) => store.commitPage(page)));
      expect(await valueAt("k07")).toBe(7);
    });

    test("a superseded run's late page writes its records and counts in its own run only", async () => {
      const old = await start();
      const run = await takeOver();
      expect(await store.commitPage(pageOf(old, { isLast: true, cursorOut: null }))).toMatchObject({
        isFirst: true,
        runStatus: "superseded",
        endedRun: false,
      });
      expect(await bound()).toBeNull();
      expect(await rows()).toHaveLength(3);
      expect(await runOf(old)).toMatchObject({ pages: 1, status: "superseded" });
      expect(await runOf(run)).toMatchObject({ pages: 0, status: "running" });
    });

    test("a run bound moves when the chain is complete", async () => {
      const run = await start();
      const moves = { kind: "number", candidate: "5", moves: "run", lookbackMs: 0 } as const;
      await store.commitPage(pageOf(run, { seq: 0, bound: { ...moves, candidate: "9" } }));
      expect(await bound()).toBeNull();
      await store.commitPage(pageOf(run, { seq: 1, bound: moves, isLast: true, cursorOut: null }));
      expect(await bound()).toBe("9");
    });

    test("an incomplete run leaves a run bound where it is", async () => {
      const run = await start();
      const page = pageOf(run, {
        isLast: true,
        cursorOut: null,
        endStatus: "incomplete",
        endCode: "OFFSET_SHIFTED",
        bound: { kind: "number", candidate: "5", moves: "run", lookbackMs: 0 },
      });
      expect(await store.commitPage(page)).toMatchObject({ runStatus: "incomplete" });
      expect(await bound()).toBeNull();
      expect(await runOf(run)).toMatchObject({ status: "incomplete", errorCode: "OFFSET_SHIFTED" });
    });

    test("more dead letters than the budget fail the run", async () => {
      const run = await start();
      const letters = ["x", "y"].map((key) => letterOf(run, { key }));
      const page = pageOf(run, { keys: ["a"], letters, deadLettered: 2, isLast: true, cursorOut: null });
      expect(await store.commitPage(page)).toMatchObject({ runStatus: "failed" });
      expect(await runOf(run)).toMatchObject({ errorCode: "BUDGET_EXCEEDED" });
    });

    test("a bound of timestamps never passes the run's start by the API's clock, less the lookback", async () => {
      const run = await start();
      await store.noteApiStart(run.runId, new Date("2026-01-01T12:00:00Z"));
      await store.noteApiStart(run.runId, new Date("2027-01-01T12:00:00Z"));
      const rule = {
        kind: "timestamp",
        candidate: "2099-01-01T00:00:00.000Z",
        moves: "page",
        lookbackMs: 3_600_000,
      } as const;
      await store.commitPage(pageOf(run, { bound: rule }));
      expect(await bound()).toBe("2026-01-01T11:00:00.000Z");
    });

    test("the watermark is monotone and ignores times far ahead", async () => {
      const run = await start();
      const marks = ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "2999-01-01T00:00:00Z"];
      for (const [seq, mark] of marks.entries())
        await store.commitPage(pageOf(run, { seq, watermark: new Date(mark) }));
      expect((await store.checkpoint("s", "t", "live"))?.watermark).toEqual(new Date("2026-01-02T00:00:00Z"));
    });
  });

  describe("newest wins", () => {
    const at = (day: number) => new Date(Date.UTC(2026, 0, day));
    async function commitInOrder(...observations: { day: number; value: number; version?: string | null }[]) {
      const run = await start();
      for (const [seq, { day, value, version = null }] of observations.entries()) {
        await store.commitPage(pageOf(run, { seq, keys: ["k"], value, version, observedAt: at(day) }));
      }
      return valueAt("k");
    }
    test("an older observation that comes later loses", async () =>
      expect(await commitInOrder({ day: 2, value: 2 }, { day: 1, value: 1 })).toBe(2));
    test("a declared version counts before the time of observation", async () =>
      expect(await commitInOrder({ day: 1, value: 2, version: "b" }, { day: 2, value: 1, version: "a" })).toBe(2));
    test("no version is the lowest", async () =>
      expect(await commitInOrder({ day: 1, value: 2, version: "a" }, { day: 2, value: 1 })).toBe(2));
    test("the same version observed later wins", async () =>
      expect(await commitInOrder({ day: 1, value: 1, version: "a" }, { day: 2, value: 2, version: "a" })).toBe(2));
  });

  describe("dead letters", () => {
    test("met again: the same letter, one attempt more; discarded, it opens again only with another payload", async () => {
      const run = await start();
      for (let seq = 0; seq < 3; seq++)
        await store.commitPage(pageOf(run, { seq, letters: [letterOf(run, { seq })], deadLettered: 1 }));
      const [letter] = await store.listLetters({ limit: 9 });
      expect(letter).toMatchObject({ attempts: 3, status: "open", key: "bad" });
      expect(await store.discardLetters([letter?.id ?? ""], author)).toHaveLength(1);
      expect(await store.discardLetters([letter?.id ?? ""], author)).toHaveLength(0);
      await store.commitPage(pageOf(run, { seq: 3, letters: [letterOf(run)], deadLettered: 1 }));
      expect(await store.listLetters({ limit: 9 })).toMatchObject([
        { id: letter?.id, attempts: 4, status: "discarded" },
      ]);
      const changed = letterOf(run, { payload: '{"id":"bad","value":2}' });
      await store.commitPage(pageOf(run, { seq: 4, letters: [changed], deadLettered: 1 }));
      expect(await store.listLetters({ limit: 9 })).toMatchObject([{ id: letter?.id, attempts: 5, status: "open" }]);
    });

    test("a good commit of the key resolves its letter, in the same transaction", async () => {
      const run = await start();
      await store.commitPage(
        pageOf(run, { letters: [letterOf(run, { key: "d" }), letterOf(run, { key: "e" })], deadLettered: 2 }),
      );
      await store.commitPage(pageOf(run, { seq: 1, keys: ["d"] }));
      expect(await store.listLetters({ status: "open", limit: 9 })).toMatchObject([{ key: "e" }]);
    });

    test("a given-up request fails the run, once, and a page at its cursor resolves it", async () => {
      const run = await start();
      const letter = letterOf(run, { stage: "fetch", kind: "request", key: "c0", code: "UNAUTHORIZED" });
      await store.settleFetch(letter);
      await store.settleFetch(letter);
      expect(await runOf(run)).toMatchObject({ status: "failed", errorCode: "UNAUTHORIZED" });
      expect(await store.listLetters({ limit: 9 })).toMatchObject([{ attempts: 1 }]);
      await store.commitPage(pageOf(await start(), { cursorIn: "c0" }));
      expect(await store.countLetters({ status: "open" })).toBe(0);
    });

    test("redrive: claimed oldest first, committed once by compare-and-swap, or open again", async () => {
      const run = await start();
      for (const [seq, key] of ["x", "y", "z"].entries()) {
        await store.commitPage(pageOf(run, { seq, letters: [letterOf(run, { key })], deadLettered: 1 }));
        // SQLite's clock tells milliseconds apart, and two letters may be written within one.
        await delay(2);
      }
      const claimed = await store.claimForRedrive({ limit: 2 }, author);
      expect(claimed).toMatchObject([
        { key: "x", redrives: 1, status: "redriving" },
        { key: "y", redrives: 1 },
      ]);
      const [x, y] = claimed;
      const redrive = {
        letterId: x?.id ?? "",
        redrives: 1,
        source: "s",
        stream: "t",
        runId: run.runId,
        seq: 0,
        observedAt: new Date(),
        letters: [],
        schemaVersion: "v1",
        writeMode: "merge" as const,
      };
      const records = pageOf(run, { keys: ["x"] }).records;
      expect(await store.commitRedrive({ ...redrive, redrives: 2, records })).toEqual({ isResolved: false });
      expect(await valueAt("x")).toBeUndefined();
      expect(await store.commitRedrive({ ...redrive, records })).toEqual({ isResolved: true });
      expect(await store.commitRedrive({ ...redrive, records })).toEqual({ isResolved: false });
      expect(await valueAt("x")).toBe(1);
      expect(await store.reopenLetter(y?.id ?? "", 1, { code: "RECORD_INVALID", message: "still", path: null })).toBe(
        true,
      );
      expect(await store.reopenLetter(y?.id ?? "", 1, { code: "RECORD_INVALID", message: "still", path: null })).toBe(
        false,
      );
      expect(await store.readLetter(y?.id ?? "")).toMatchObject({ status: "open", attempts: 2, message: "still" });
      expect(await runOf(run)).toMatchObject({ pages: 3 });
    });
  });

  test("a schema is kept once, as it was first seen", async () => {
    const schema = { source: "s", stream: "t", fingerprint: "f1", jsonSchema: { type: "object" } };
    await store.noteSchemas([schema, { ...schema, fingerprint: "f2" }]);
    await store.noteSchemas([{ ...schema, jsonSchema: { type: "other" } }]);
    const kept = await store.queryView("SELECT fingerprint, json_schema FROM schema_versions ORDER BY fingerprint");
    expect(kept.map((row) => row["fingerprint"])).toEqual(["f1", "f2"]);
    expect(JSON.stringify(kept[0])).toContain("object");
  });

  test("payloads are stored once and read back", async () => {
    const ref = { runId: "r", seq: 1, hash: "h" };
    await store.savePayload({ ...ref, body: new Uint8Array([1, 2, 255]) });
    await store.savePayload({ ...ref, body: new Uint8Array([9]) });
    expect([...((await store.loadPayload(ref)) ?? [])]).toEqual([1, 2, 255]);
    expect(await store.loadPayload({ ...ref, hash: "other" })).toBeUndefined();
  });

  test("an imported bound is the first bound and never another", async () => {
    expect(await store.importBound("s", "t", "live", "5")).toBe(true);
    expect(await store.importBound("s", "t", "live", "6")).toBe(false);
    expect((await start()) as object).toMatchObject({ boundAtStart: "5" });
  });

  test("states of all streams, for the status", async () => {
    const run = await start();
    await store.commitPage(pageOf(run, { letters: [letterOf(run)], deadLettered: 1, isLast: true, cursorOut: null }));
    await start();
    const [state] = await store.streamStates();
    expect(state).toMatchObject({ openLetters: 1, lastRun: { status: "running" }, checkpoint: { bound: "10" } });
    expect(state?.lastSuccessAt).toBeInstanceOf(Date);
  });

  test("two processes may write at the same time", async () => {
    const run = await start();
    const writer = join(import.meta.dirname, "write-pages.ts");
    const write = (keys: string) => promisify(execFile)(process.execPath, [writer, url, JSON.stringify(run), keys]);
    await Promise.all([write("0,2,4,6,8,10,12,14"), write("1,3,5,7,9,11,13,15")]);
    expect(await store.readRun(run.runId)).toMatchObject({ run: { pages: 16, committedSeq: 15 } });
    expect(await rows()).toHaveLength(16);
  });
});
