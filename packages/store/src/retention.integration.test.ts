import { join } from "node:path";
import type { NewLetter } from "@penstock/core/letter";
import type { Run, RunMode } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor } from "./page-of.ts";
import type { Store } from "./store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const everything = { runsMs: 0, pagesMs: 0, lettersMs: 0 };
const author = { actor: "cli:test@here", reason: null };

describe.each(databaseTargets())("retention on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  const stack = new AsyncDisposableStack();
  let store: Store;
  beforeAll(async () => {
    const database = stack.adopt(await create(), (created) => created.drop());
    store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
  });
  afterAll(() => stack.disposeAsync());

  const start = async (stream: string, mode: RunMode = "incremental") =>
    (await store.startRun({ source: "s", stream, partition: "live", mode, takeOver: "any" })).run;
  const commit = async (run: Run, pages: number, more: Parameters<typeof pageOf>[1] = {}) => {
    const committing = Array.from({ length: pages }, (_, seq) => {
      const isLast = seq === pages - 1;
      const page = { seq, keys: [`k${seq}`], isLast, cursorOut: isLast ? null : `c${seq + 1}` };
      return store.commitPage(pageOf(run, { ...page, ...more }));
    });
    await Promise.all(committing);
  };
  const count = async (table: string, where = "1 = 1") => {
    const [row] = await store.queryView(`SELECT count(*) AS n FROM ${table} WHERE ${where}`);
    return Number(row?.["n"]);
  };
  const letter = (run: Run, key: string): NewLetter => ({
    ...{
      source: "s",
      stream: run.stream,
      partition: "live",
      runId: run.runId,
      seq: 0,
      observedAt: new Date(),
      traceId: null,
    },
    ...{
      stage: "transform",
      kind: "record",
      key,
      path: null,
      payload: `"${key}"`,
      code: "RECORD_INVALID",
      message: "m",
    },
  });

  test("runs and pages that others followed go, and the last success of each partition stays", async () => {
    for (let i = 0; i < 3; i += 1) await commit(await start("old"), 2);
    const failed = await start("old");
    await store.endRun(failed.runId, { status: "failed", code: "SERVER_ERROR", message: "down" });
    const live = await start("live");
    await commit(live, 1, { isLast: false, cursorOut: "c1" });
    const checkpoint = await store.checkpoint("s", "old", "live");
    const kept = { runsMs: 3_600_000, pagesMs: 3_600_000, lettersMs: 3_600_000 };
    expect(await store.prune(kept)).toEqual({ runs: 0, pages: 0, letters: 0 });
    expect(await store.prune({ runsMs: null, pagesMs: null, lettersMs: null })).toEqual({
      runs: 0,
      pages: 0,
      letters: 0,
    });
    expect(await store.prune(everything)).toEqual({ runs: 2, pages: 6, letters: 0 });
    expect((await store.listRuns({ stream: "old", limit: 9 })).map(({ status }) => status)).toEqual([
      "failed",
      "succeeded",
    ]);
    expect((await store.listRuns({ stream: "old", limit: 9 }))[1]?.account.fetched).toBe(2);
    expect(await count("pages", `run_id = '${live.runId}'`)).toBe(1);
    expect(await store.checkpoint("s", "old", "live")).toEqual(checkpoint);
    expect(await count("records", "stream = 'old'")).toBe(2);
    await commit(live, 1, { seq: 1, isLast: true, cursorIn: "c1", cursorOut: null });
    expect((await store.readRun(live.runId))?.run).toMatchObject({ status: "succeeded", pages: 2 });
  });

  test("more than one transaction removes goes too, and what stays among it", async () => {
    await store.prune(everything);
    await commit(await start("many"), 1_100);
    const live = await start("many-live");
    await commit(live, 1, { isLast: false, cursorOut: "c1" });
    await commit(await start("many"), 1);
    expect(await store.prune(everything)).toMatchObject({ runs: 1, pages: 1_101 });
    expect(await count("pages", `run_id = '${live.runId}'`)).toBe(1);
  });

  test("the page that says whether anything has changed stays until another says so", async () => {
    const partition = { source: "s", stream: "asked", partition: "live" };
    await commit(await start("asked"), 1, { validator: "first" });
    await store.prune(everything);
    expect(await store.lastValidator(partition)).toBe("first");
    await commit(await start("asked"), 1, { validator: "second" });
    await store.prune(everything);
    expect(await store.lastValidator(partition)).toBe("second");
    expect(await count("pages", "validator IS NOT NULL")).toBe(1);
  });

  test("letters that are open stay, and those that are settled go", async () => {
    const run = await start("letters");
    const letters = ["a", "b", "c"].map((key) => letter(run, key));
    await commit(run, 1, { letters, deadLettered: 3, keys: [], deadLetterBudget: { kind: "share", most: 1 } });
    const found = await store.listLetters({ stream: "letters", limit: 3 });
    await store.discardLetters(
      found.flatMap(({ id, key }) => (key === "a" ? [id] : [])),
      author,
    );
    await commit(await start("letters"), 1, { keys: ["b"], observedAt: new Date(Date.now() + 60_000) });
    expect(await store.prune({ ...everything, runsMs: null, pagesMs: null })).toEqual({
      runs: 0,
      pages: 0,
      letters: 2,
    });
    expect(await store.listLetters({ stream: "letters", limit: 3 })).toMatchObject([{ status: "open", key: "c" }]);
  });

  test("ended backfills go with their windows and runs, and what deletions are compared with stays", async () => {
    const from = new Date("2026-01-01T00:00:00Z");
    const span = { from, to: new Date("2026-01-03T00:00:00Z"), windowMs: 86_400_000, parallel: 2 };
    const { backfill } = await store.startBackfill({ source: "s", stream: "filled", ...span }, author);
    for (const { run } of (await store.startWindows(backfill.id)).started) await commit(run, 1);
    expect((await store.startWindows(backfill.id)).ended).toBe("succeeded");
    const failing = await store.startBackfill({ source: "s", stream: "unfilled", ...span }, author);
    for (const { run } of (await store.startWindows(failing.backfill.id)).started)
      await store.cancelRun(run.runId, author);
    expect((await store.startWindows(failing.backfill.id)).ended).toBe("failed");
    expect(await count("checkpoints", "stream = 'unfilled'")).toBe(2);
    const deletions = { brake: { kind: "count", most: 5 }, isTransformed: false } as const;
    for (let i = 0; i < 3; i += 1) {
      await commit(await start("gone", "full"), 1, { deletions, observedAt: await store.now() });
      await store.settleDeletions();
    }
    await store.prune(everything);
    expect([
      await count("backfills"),
      await count("backfill_windows"),
      await count("runs", "stream IN ('filled', 'unfilled')"),
      await count("checkpoints", "stream IN ('filled', 'unfilled')"),
    ]).toEqual([0, 0, 0, 0]);
    expect(await store.listDeletions({ stream: "gone", limit: 9 })).toMatchObject([{ status: "nothing" }]);
    await commit(await start("gone", "full"), 1, { deletions, observedAt: await store.now() });
    expect(await store.settleDeletions()).toMatchObject([{ status: "nothing", known: 1 }]);
  });
});
