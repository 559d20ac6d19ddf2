import { join } from "node:path";
import type { RunIdentity } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor, partition } from "./page-of.ts";
import type { PageCommit, Store } from "./store.ts";

/*
 * What happens beside a transaction neither sees it nor shares its fate.
 */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");

describe.each(databaseTargets())("beside a transaction on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
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

  /** A page whose commit calls `midway` when its records are written and its letters are not. */
  const interrupted = (midway: () => void): PageCommit => ({
    ...pageOf(run, { keys: ["x", "y"] }),
    get letters() {
      midway();
      return [];
    },
  });
  const bug = new TypeError("a bug half-way");
  const failing = (midway: () => void = () => {}): PageCommit =>
    interrupted(() => {
      midway();
      throw bug;
    });

  test("a failed page commit leaves nothing", async () => {
    await expect(store.commitPage(failing())).rejects.toBe(bug);
    expect(await store.queryView("SELECT key FROM records UNION ALL SELECT run_id FROM pages")).toEqual([]);
    expect((await store.readRun(run.runId))?.run.pages).toBe(0);
  });

  test("reads see nothing of a commit under way", async () => {
    const looks: ReturnType<Store["queryView"]>[] = [];
    // One statement, so one moment: rows without their page in the run's totals would be those of a commit under way.
    const look = "SELECT (SELECT count(*) FROM records) AS landed, (SELECT pages FROM runs) AS pages";
    await store.commitPage(interrupted(() => looks.push(store.queryView(look))));
    expect(looks.length).toBeGreaterThan(0);
    for (const [row] of await Promise.all(looks)) expect(row?.["landed"] === 0).toBe(row?.["pages"] === 0);
  });

  test("writes survive that a transaction beside them is rolled back", async () => {
    const saves: Promise<void>[] = [];
    const ref = { runId: "r", seq: 0, hash: "h" };
    const commit = store.commitPage(
      failing(() => saves.push(store.savePayload({ ...ref, body: new Uint8Array([1]) }))),
    );
    await expect(commit).rejects.toBe(bug);
    expect(saves).toHaveLength(1);
    await Promise.all(saves);
    expect(await store.loadPayload(ref)).toBeDefined();
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
    await store.setPaused("s", "t", true, { actor: "test", reason: null });
    expect(await store.readRun(backfill.run.runId)).toMatchObject({ isPaused: true });
    await store.setPaused("s", "t", false, { actor: "test", reason: null });
    expect(await store.readRun(backfill.run.runId)).toMatchObject({ isPaused: false });
  });
});
