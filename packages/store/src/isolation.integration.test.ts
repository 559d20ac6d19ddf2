import { join } from "node:path";
import type { RunIdentity } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pageOf, partition } from "./page-of.ts";
import type { PageCommit, Store } from "./store.ts";

/*
 * What happens beside a transaction neither sees it nor shares its fate.
 */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");

describe.each(databaseTargets())("beside a transaction on $name", ({ create }) => {
  let stack: AsyncDisposableStack;
  let store: Store;
  let run: RunIdentity;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const { url } = stack.adopt(await create(), (created) => created.drop());
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    run = (await store.startRun({ ...partition, mode: "incremental", takeOver: "none" })).run;
  });
  afterEach(() => stack.disposeAsync());

  /** Fails after its records are written: a letter without a payload is a bug, not refused data that could be set aside. */
  const failing = (): PageCommit => pageOf(run, { keys: ["x", "y"], letters: [{ code: "RECORD_INVALID" } as never] });

  /** Does `work` over and over until `transaction` has ended. */
  async function during<T>(transaction: Promise<unknown>, work: (turn: number) => Promise<T>): Promise<T[]> {
    let hasEnded = false;
    const done = transaction.catch(() => {}).finally(() => (hasEnded = true));
    const results: T[] = [];
    for (let turn = 0; !hasEnded; turn++) {
      results.push(await work(turn));
      await new Promise(setImmediate);
    }
    await done;
    return results;
  }

  test("a failed page commit leaves nothing", async () => {
    await expect(store.commitPage(failing())).rejects.toThrow();
    expect(await store.queryView("SELECT key FROM records UNION ALL SELECT run_id FROM pages")).toEqual([]);
    expect((await store.readRun(run.runId))?.run.pages).toBe(0);
  });

  test("reads see nothing of a commit under way", async () => {
    const commits = async () => {
      for (let seq = 0; seq < 20; seq++) await store.commitPage(pageOf(run, { seq, keys: [`k${seq}`] }));
    };
    // One statement, so one moment: rows without their page in the run's totals would be those of a commit under way.
    const look = "SELECT (SELECT count(*) FROM records) AS landed, (SELECT pages FROM runs) AS pages";
    const seen = await during(commits(), () => store.queryView(look));
    expect(seen.length).toBeGreaterThan(0);
    for (const [row] of seen) expect(row?.["landed"]).toBe(row?.["pages"]);
  });

  test("writes survive that a transaction beside them is rolled back", async () => {
    const saved: number[] = [];
    const commits = Promise.all(Array.from({ length: 5 }, () => store.commitPage(failing()).catch(() => {})));
    await during(commits, async (turn) => {
      await store.savePayload({ runId: "r", seq: turn, hash: "h", body: new Uint8Array([1]) });
      saved.push(turn);
    });
    expect(saved.length).toBeGreaterThan(0);
    for (const seq of saved) expect(await store.loadPayload({ runId: "r", seq, hash: "h" })).toBeDefined();
  });

  test("a run that is ended while its pages are committed stays ended, and so does the bound", async () => {
    const pages = Array.from({ length: 6 }, (_, seq) => pageOf(run, { seq, keys: [`k${seq}`] }));
    const ending = store.endRun(run.runId, { status: "cancelled", code: "CANCELLED" });
    const [ended] = await Promise.all([
      ending,
      ...pages.map((page) => store.commitPage(page)),
      ...pages.map((page) => store.commitPage(page)),
    ]);
    expect(ended).toBe(true);
    const state = (await store.readRun(run.runId))?.run;
    expect(state).toMatchObject({ status: "cancelled", pages: 6, account: { fetched: 6 } });
    const bound = (await store.checkpoint("s", "t", "live"))?.bound ?? null;
    await store.commitPage(pageOf(run, { seq: 6 }));
    expect((await store.checkpoint("s", "t", "live"))?.bound ?? null).toBe(bound);
    expect((await store.readRun(run.runId))?.run).toMatchObject({ status: "cancelled", pages: 7 });
  });

  test("take-overs and page commits do not wait for each other crosswise", async () => {
    const startedAt = performance.now();
    for (let round = 0; round < 5; round++) {
      const { run: current } = await store.startRun({ ...partition, mode: "incremental", takeOver: "any" });
      const commits = [0, 1, 2, 3].map((seq) => store.commitPage(pageOf(current, { seq, keys: [`r${round}s${seq}`] })));
      await Promise.all([
        ...commits,
        store.startRun({ ...partition, mode: "incremental", takeOver: { runId: current.runId } }),
      ]);
    }
    // Postgres finds a deadlock only after a second: five rounds of them would take longer than this.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(await store.liveRuns()).toHaveLength(1);
  });

  test("the pause of a stream holds for all its partitions", async () => {
    const backfill = await store.startRun({
      ...partition,
      partition: "backfill:1:0",
      mode: "backfill",
      takeOver: "none",
    });
    await store.setPaused("s", "t", true);
    expect(await store.readRun(backfill.run.runId)).toMatchObject({ isPaused: true });
    await store.setPaused("s", "t", false);
    expect(await store.readRun(backfill.run.runId)).toMatchObject({ isPaused: false });
  });
});
