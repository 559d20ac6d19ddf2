import { join } from "node:path";
import type { JsonValue } from "@penstock/core/json";
import type { ParentValues } from "@penstock/core/partition";
import type { Run, RunStatus } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import { afterEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor } from "./page-of.ts";
import type { ChildRun, ChildStream, PageCommit, Store } from "./store.ts";

const author = { actor: "cli:test@here", reason: null };
const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const child = { source: "s", stream: "child", parent: "parent" };
const onChange: ChildStream = { stream: "child", refresh: "changed" };

const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

/** Parents' records are `{"value": n}`; one with the value 0 has no children. */
function valuesOf(record: JsonValue): ParentValues | undefined {
  const { value } = record as { value: number };
  return value === 0 ? undefined : { value };
}

describe.each(databaseTargets())("due partitions on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  async function freshStore(): Promise<Store> {
    const stack = new AsyncDisposableStack();
    open.push(stack);
    const database = stack.adopt(await create(), (created) => created.drop());
    return stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
  }

  /** A run of the parent that sees these keys with this value. */
  async function seeParents(store: Store, keys: string[], value = 1, children: ChildStream[] = [onChange]) {
    const { run } = await store.startRun({ ...parentOf(child), partition: "live", mode: "full", takeOver: "none" });
    return store.commitPage(
      pageOf(run, { keys, value, isLast: true, cursorOut: null, children, observedAt: new Date() }),
    );
  }
  const parentOf = ({ source, parent }: typeof child) => ({ source, stream: parent });

  const startDue = async (store: Store, maxLive = 100) => {
    const { started } = await store.startDueRuns({ ...child, maxLive, valuesOf });
    return started.sort((a, b) => (a.run.partition < b.run.partition ? -1 : 1));
  };
  const partitions = (runs: ChildRun[]) => runs.map(({ run }) => run.partition);
  const succeed = (store: Store, run: Run, change: Partial<PageCommit> & { keys?: string[] } = {}) =>
    store.commitPage(pageOf(run, { keys: [`${run.partition} 1`], isLast: true, cursorOut: null, ...change }));
  const stateOf = async (store: Store, key: string) => store.checkpoint("s", "child", `parent:${key}`);
  const statusOf = async (store: Store, run: Run): Promise<RunStatus | undefined> =>
    (await store.readRun(run.runId))?.run.status;

  test("each parent of a page gets a partition, once, and a run that succeeds ends that it is due", async () => {
    const store = await freshStore();
    await seeParents(store, ["a", "b"]);
    const started = await startDue(store);
    expect(partitions(started)).toEqual(["parent:a", "parent:b"]);
    expect(started[0]).toMatchObject({ isNew: true, parent: { value: 1 }, run: { fence: 1, mode: "incremental" } });
    expect(await startDue(store)).toEqual([]);
    for (const { run } of started) await succeed(store, run);
    expect(await stateOf(store, "a")).toMatchObject({ bound: "10", dueSince: null, nextAttemptAt: null, failures: 0 });
    expect(await startDue(store)).toEqual([]);
  });

  test("parents that a later run changes or adds are due again, others only where every run refreshes", async () => {
    const store = await freshStore();
    const finish = async () => {
      const started = await startDue(store);
      for (const { run } of started) await succeed(store, run);
      return partitions(started);
    };
    await seeParents(store, ["a", "b"]);
    expect(await finish()).toEqual(["parent:a", "parent:b"]);
    await seeParents(store, ["a", "b", "c"]);
    expect(await finish()).toEqual(["parent:c"]);
    await seeParents(store, ["b"], 2);
    expect(await finish()).toEqual(["parent:b"]);
    await seeParents(store, ["a", "b"], 2, [{ stream: "child", refresh: "every-run" }]);
    expect(await finish()).toEqual(["parent:a", "parent:b"]);
  });

  test("a parent that changes while its children are fetched is due again behind that run", async () => {
    const store = await freshStore();
    await seeParents(store, ["a"]);
    const [first] = await startDue(store);
    await seeParents(store, ["a"], 2);
    expect(await startDue(store)).toEqual([]);
    await succeed(store, first?.run as Run);
    const [second] = await startDue(store);
    expect(second).toMatchObject({ parent: { value: 2 }, run: { fence: 2, boundAtStart: "10" } });
    await succeed(store, second?.run as Run, { seq: 0 });
    expect(await startDue(store)).toEqual([]);
  });

  /** A page of parents that is committed, and whose children were fetched. */
  async function parentWithChildren(store: Store) {
    const { run } = await store.startRun({ ...parentOf(child), partition: "live", mode: "full", takeOver: "none" });
    const page = pageOf(run, { keys: ["a"], children: [onChange] });
    await store.commitPage(page);
    const [started] = await startDue(store);
    await succeed(store, started?.run as Run);
    return { run, page };
  }

  test("a kept page that is replayed marks what it changes, and nothing where all comes out as it was", async () => {
    const store = await freshStore();
    const { run, page } = await parentWithChildren(store);
    const { observedAt, contentHash: hash, schemaVersion, writeMode, raw, traceId } = page;
    const of = parentOf(child);
    const { id: replayId } = await store.startReplay({ ...of, schemaVersion, isRestart: false, author });
    const kept = { ...of, partition: "live", runId: run.runId, seq: 0, hash, observedAt, records: 1 };
    const replay = { replayId, page: kept, raw, traceId, letters: [], schemaVersion, writeMode, children: [onChange] };
    expect(await store.commitReplay({ ...replay, records: page.records })).toMatchObject({ rowsWritten: 0 });
    expect(await startDue(store)).toEqual([]);
    const changed = pageOf(run, { keys: ["a"], value: 2 }).records;
    expect(await store.commitReplay({ ...replay, records: changed })).toMatchObject({ rowsWritten: 1 });
    expect(partitions(await startDue(store))).toEqual(["parent:a"]);
  });

  test("a page delivered again marks nothing anew", async () => {
    const store = await freshStore();
    const { run, page } = await parentWithChildren(store);
    expect(await store.commitPage(page)).toMatchObject({ isFirst: false });
    expect(await startDue(store)).toEqual([]);
    await store.commitPage({
      ...page,
      fetched: 2,
      contentHash: "other",
      records: pageOf(run, { keys: ["a", "b"] }).records,
    });
    expect(partitions(await startDue(store))).toContain("parent:b");
  });

  test("a run that fails leaves its partition due for later, and nobody waits behind it", async () => {
    const store = await freshStore();
    await seeParents(store, ["a", "b"]);
    const [a, b] = await startDue(store);
    const before = Date.now();
    await store.endRun(a?.run.runId ?? "", { status: "failed", code: "NOT_FOUND", message: "gone" });
    await succeed(store, b?.run as Run, { endStatus: "incomplete", endCode: "PAGE_LIMIT" });
    expect(await startDue(store)).toEqual([]);
    for (const key of ["a", "b"]) {
      const state = await stateOf(store, key);
      expect(state).toMatchObject({ failures: 1, dueSince: expect.any(Date) });
      expect((state?.nextAttemptAt?.getTime() ?? 0) - before).toBeGreaterThan(50_000);
    }
    // A mark does not shorten the wait; a person does.
    await seeParents(store, ["a", "c"], 2);
    expect(partitions(await startDue(store))).toEqual(["parent:c"]);
    await store.markDue({ ...child, which: "failing", mode: "incremental" });
    const again = await startDue(store);
    expect(partitions(again)).toEqual(["parent:a", "parent:b"]);
    await store.endRun(again[0]?.run.runId ?? "", { status: "failed", code: "NOT_FOUND" });
    expect(await stateOf(store, "a")).toMatchObject({ failures: 2 });
    await succeed(store, again[1]?.run as Run);
    expect(await stateOf(store, "b")).toMatchObject({ failures: 0, nextAttemptAt: null });
  });

  test("a run taken over keeps the partition due until its successor succeeds; the old one's end means nothing", async () => {
    const store = await freshStore();
    await seeParents(store, ["a"]);
    const [old] = await startDue(store);
    const taken = await store.startRun({ ...(old?.run as Run), takeOver: "any" });
    expect(taken).toMatchObject({ superseded: old?.run.runId, run: { fence: 2, partition: "parent:a" } });
    await succeed(store, old?.run as Run);
    expect(await statusOf(store, old?.run as Run)).toBe("superseded");
    expect(await stateOf(store, "a")).toMatchObject({ dueSince: expect.any(Date), failures: 0 });
    await succeed(store, taken.run, { keys: ["x"] });
    expect(await stateOf(store, "a")).toMatchObject({ dueSince: null });
  });

  test("no more runs are live than allowed, whoever starts them, and the longest due comes first", async () => {
    const store = await freshStore();
    await seeParents(store, ["z"]);
    await seeParents(
      store,
      Array.from({ length: 20 }, (_, i) => `k${i + 10}`),
    );
    const rounds = await Promise.all(Array.from({ length: 6 }, () => startDue(store, 4)));
    const started = rounds.flat();
    expect(started).toHaveLength(4);
    expect(new Set(partitions(started)).size).toBe(4);
    expect(partitions(started)).toContain("parent:z");
    expect(await store.liveRuns({ source: "s", stream: "child" })).toHaveLength(4);
    await succeed(store, started[0]?.run as Run);
    expect(await startDue(store, 4)).toHaveLength(1);
  });

  test("a paused stream starts nothing", async () => {
    const store = await freshStore();
    await seeParents(store, ["a"]);
    await store.setPaused("s", "child", true, { actor: "test", reason: null });
    expect(await startDue(store)).toEqual([]);
    await store.setPaused("s", "child", false, { actor: "test", reason: null });
    expect(await startDue(store)).toHaveLength(1);
  });

  test("a child stream that is new finds the parents stored before it", async () => {
    const store = await freshStore();
    await seeParents(store, ["a", "b"], 1, []);
    await store.setPaused("s", "child", false, { actor: "test", reason: null });
    expect(partitions(await startDue(store))).toEqual(["parent:a", "parent:b"]);
  });

  test("parents without what the child needs are passed over until they change", async () => {
    const store = await freshStore();
    await seeParents(store, ["a", "b"], 0);
    await seeParents(store, ["c"]);
    expect(await store.startDueRuns({ ...child, maxLive: 9, valuesOf })).toMatchObject({
      started: [{ run: { partition: "parent:c" } }],
      skipped: 2,
    });
    expect(await stateOf(store, "a")).toMatchObject({ dueSince: null });
    await seeParents(store, ["a"], 3);
    expect(partitions(await startDue(store))).toEqual(["parent:a"]);
  });

  test("all can be marked at once, to be read in full; the mode stays until that succeeds", async () => {
    const store = await freshStore();
    await seeParents(store, ["a"]);
    const [first] = await startDue(store);
    await succeed(store, first?.run as Run);
    const author = { actor: "cli:me@here", reason: "the API was mended" };
    await store.markDue({ ...child, which: "all", mode: "full", author });
    expect(await store.listActions({ limit: 5 })).toMatchObject([
      { ...author, action: "run.start", target: "s.child", details: { mode: "full", partitions: "all" } },
    ]);
    await seeParents(store, ["a"], 2);
    const [full] = await startDue(store);
    expect(full?.run).toMatchObject({ mode: "full", boundAtStart: null });
    await store.endRun(full?.run.runId ?? "", { status: "failed", code: "NOT_FOUND" });
    await store.markDue({ ...child, which: "failing", mode: "incremental" });
    const [again] = await startDue(store);
    expect(again?.run.mode).toBe("full");
    await succeed(store, again?.run as Run);
    await seeParents(store, ["a"], 3);
    expect((await startDue(store))[0]?.run.mode).toBe("incremental");
  });

  test("a redriven parent marks its children too", async () => {
    const store = await freshStore();
    const { run } = await store.startRun({ ...parentOf(child), partition: "live", mode: "full", takeOver: "none" });
    const origin = { ...parentOf(child), partition: "live", runId: run.runId, seq: 0, observedAt: new Date() };
    const letter = { ...origin, stage: "transform", kind: "record", code: "RECORD_INVALID", path: null } as const;
    const letters = [{ ...letter, key: "a", message: "m", payload: "{}", traceId: null }];
    await store.commitPage(pageOf(run, { keys: [], letters, deadLettered: 1, children: [onChange] }));
    expect(await startDue(store)).toEqual([]);
    const [claimed] = await store.claimForRedrive({ limit: 1 }, author);
    const { records } = pageOf(run, { keys: ["a"] });
    const redrive = {
      ...origin,
      letterId: claimed?.id ?? "",
      redrives: 1,
      records,
      letters: [],
      schemaVersion: "v",
      writeMode: "merge" as const,
    };
    expect(await store.commitRedrive({ ...redrive, children: [onChange] })).toEqual({ isResolved: true });
    expect(partitions(await startDue(store))).toEqual(["parent:a"]);
  });

  test("the state of a child stream counts its partitions", async () => {
    const store = await freshStore();
    await seeParents(store, ["a", "b", "c"]);
    const [a, b] = await startDue(store);
    await succeed(store, a?.run as Run, { watermark: new Date("2026-01-02T03:04:05Z") });
    await store.endRun(b?.run.runId ?? "", { status: "failed", code: "NOT_FOUND" });
    const states = await store.streamStates();
    expect(states).toMatchObject([
      {
        checkpoint: { stream: "child", watermark: new Date("2026-01-02T03:04:05Z") },
        partitions: { total: 3, due: 2, failing: 1, oldestDueSince: expect.any(Date) },
      },
      { checkpoint: { stream: "parent" }, partitions: null },
    ]);
  });
});
