import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { FailurePoint, Reach } from "@penstock/core/failure-points";
import type { NewLetter } from "@penstock/core/letter";
import type { Run, RunMode } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor } from "./page-of.ts";
import type { Deletion, PageCommit, Store } from "./store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const author = { actor: "cli:test@here", reason: "they are gone" };
const tenPercent = { kind: "share", most: 0.1 } as const;
const keysTo = (n: number) => Array.from({ length: n }, (_, i) => `k${String(i).padStart(6, "0")}`);
const without = (keys: string[], ...gone: string[]) => keys.filter((key) => !gone.includes(key));

describe.each(databaseTargets())("deletions on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  const stack = new AsyncDisposableStack();
  let store: Store;
  let url: string;
  beforeAll(async () => {
    const database = stack.adopt(await create(), (created) => created.drop());
    url = database.url;
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  });
  const opened = async (options: { reach: Reach }) => {
    const other = await openStore({ url, migrationsRoot, ...options });
    return { store: other, [Symbol.asyncDispose]: () => other.close() };
  };
  afterAll(() => stack.disposeAsync());

  const start = async (stream: string, mode: RunMode = "full") =>
    (await store.startRun({ source: "s", stream, partition: "live", mode, takeOver: "any" })).run;
  const commit = async (run: Run, keys: string[], more: Partial<PageCommit> = {}) =>
    store.commitPage(
      pageOf(run, {
        keys,
        isLast: true,
        cursorOut: null,
        observedAt: await store.now(),
        deletions: { brake: tenPercent, isTransformed: false },
        deadLetterBudget: { kind: "share", most: 1 },
        ...more,
      }),
    );
  const see = async (stream: string, keys: string[], more: Partial<PageCommit> = {}): Promise<Deletion> => {
    const run = await start(stream);
    await commit(run, keys, more);
    await store.settleDeletions();
    return store.readDeletion(run.runId);
  };
  const read = async (stream: string, isDeleted: boolean) => {
    const query = { source: "s", stream, keys: [], conditions: [], isDeleted, order: "key", limit: 100 } as const;
    const { records } = await store.queries.records(query);
    return records.map((record): string => JSON.parse(record).key);
  };
  const letterOf = (run: Run, key: string | null): NewLetter => ({
    source: "s",
    stream: run.stream,
    partition: "live",
    runId: run.runId,
    seq: 0,
    observedAt: new Date(),
    traceId: null,
    stage: "transform",
    kind: "record",
    key,
    path: null,
    payload: `{"id":${JSON.stringify(key)}}`,
    code: "RECORD_INVALID",
    message: "not as it should be",
  });

  test("what two full runs missed is deleted, not what one missed, and it comes back when it is seen", async () => {
    const keys = keysTo(20);
    expect(await see("plain", keys)).toMatchObject({ status: "baseline", deleted: 0 });
    const missedOnce = { status: "nothing", known: 20, missing: 0, missedOnce: 1 };
    expect(await see("plain", without(keys, "k000003"))).toMatchObject(missedOnce);
    expect(await read("plain", true)).toEqual([]);
    const done = { status: "done", known: 20, missing: 1, missedOnce: 1, deleted: 1, sample: ["k000003"] };
    expect(await see("plain", without(keys, "k000003", "k000004"))).toMatchObject(done);
    expect(await read("plain", true)).toEqual(["k000003"]);
    expect(await store.readRecord("s", "plain", "k000003")).toBeUndefined();

    expect(await see("plain", keys)).toMatchObject({ status: "nothing", known: 20, missing: 0, missedOnce: 0 });
    expect(await read("plain", true)).toEqual([]);
    expect(await read("plain", false)).toEqual(keys);
  });

  test("a run that sees 40 % deletes nothing and says why; somebody decides", async () => {
    const keys = keysTo(50);
    await see("shrunk", keys);
    expect(await see("shrunk", keys.slice(0, 20))).toMatchObject({ status: "nothing", missing: 0, missedOnce: 30 });
    const waiting = await see("shrunk", keys.slice(0, 20));
    const reason = "30 of 50 records are missing, which is more than the stream allows: 10 %";
    expect(waiting).toMatchObject({ status: "waiting", known: 50, missing: 30, deleted: 0, reason });
    expect(await read("shrunk", false)).toHaveLength(50);
    expect((await store.freshness()).streams.find(({ stream }) => stream === "shrunk")?.deletionsWaiting).toBe(1);

    await store.decideDeletion(waiting.runId, false, author);
    await store.settleDeletions();
    expect(await store.readDeletion(waiting.runId)).toMatchObject({ status: "rejected", deleted: 0 });
    await expect(store.decideDeletion(waiting.runId, true, author)).rejects.toMatchObject({ code: "DELETION_SETTLED" });
    await expect(store.decideDeletion("none", true, author)).rejects.toMatchObject({ code: "DELETION_UNKNOWN" });

    const again = await see("shrunk", keys.slice(0, 20));
    expect(again.status).toBe("waiting");
    const latest = await see("shrunk", keys.slice(0, 21));
    expect(await store.readDeletion(again.runId)).toMatchObject({ status: "superseded", deleted: 0 });
    expect(latest).toMatchObject({ status: "waiting", missing: 29 });
    await store.decideDeletion(latest.runId, true, author);
    await store.settleDeletions();
    expect(await store.readDeletion(latest.runId)).toMatchObject({ status: "done", deleted: 29 });
    expect(await read("shrunk", false)).toEqual(keys.slice(0, 21));
    const entries = await store.listActions({ target: latest.runId, limit: 5 });
    expect(entries).toMatchObject([{ ...author, action: "deletions.approve", details: { missing: 29, known: 50 } }]);
  });

  test("what was approved and is seen before it is deleted stays", async () => {
    const keys = keysTo(20);
    for (const seen of [keys, keys.slice(0, 10)]) await see("returned", seen);
    const waiting = await see("returned", keys.slice(0, 10));
    await store.decideDeletion(waiting.runId, true, author);
    await commit(await start("returned", "incremental"), ["k000012"]);
    await store.settleDeletions();
    expect(await store.readDeletion(waiting.runId)).toMatchObject({ status: "done", deleted: 9 });
    expect(await read("returned", false)).toEqual([...keys.slice(0, 10), "k000012"]);
  });

  test("what is new since the run before, or seen by another run in between, is not missing", async () => {
    const keys = keysTo(20);
    await see("between", keys);
    await see("between", without(keys, "k000001", "k000002"));
    await commit(await start("between", "incremental"), ["k000001", "new"]);
    const found = await see("between", without(keys, "k000001", "k000002"));
    expect(found).toMatchObject({ status: "done", known: 21, missing: 1, sample: ["k000002"] });
    expect(await read("between", true)).toEqual(["k000002"]);
  });

  test("a dead letter's key is seen; one without forbids deletion, and so does any behind a transform", async () => {
    const keys = keysTo(20);
    await see("letters", keys);
    await see("letters", without(keys, "k000005"));
    const withLetter = async (key: string | null, isTransformed = false) => {
      const run = await start("letters");
      const letters = [letterOf(run, key)];
      const deletions = { brake: tenPercent, isTransformed };
      await commit(run, without(keys, "k000005"), { letters, deadLettered: 1, deletions });
      await store.settleDeletions();
      return store.readDeletion(run.runId);
    };
    const incomplete = { status: "incomplete", deleted: 0, reason: expect.stringContaining("page 0 has dead letters") };
    expect(await withLetter(null)).toMatchObject(incomplete);
    expect(await withLetter("k000007", true)).toMatchObject(incomplete);
    expect(await withLetter("k000005")).toMatchObject({ status: "nothing", missing: 0 });
    expect(await read("letters", true)).toEqual([]);
    await see("letters", without(keys, "k000005"));
    expect(await see("letters", without(keys, "k000005"))).toMatchObject({ status: "done", deleted: 1 });
  });

  test("what the contract drops is there: a run that had such a record says nothing of what is gone", async () => {
    const keys = keysTo(20);
    await see("dropped", keys);
    const dropped = { kind: "missingField", path: "name", expected: "string", came: "nothing", records: 1 } as const;
    const drops = { filtered: 1, drift: [{ ...dropped, action: "discard" as const }] };
    const incomplete = { status: "incomplete", deleted: 0, reason: expect.stringContaining("the contract dropped") };
    for (let run = 0; run < 2; run += 1)
      expect(await see("dropped", without(keys, "k000005"), drops)).toMatchObject(incomplete);
    const takes = { drift: [{ ...dropped, action: "evolve" as const }] };
    expect(await see("dropped", keys, takes)).toMatchObject({ status: "nothing", missing: 0, missedOnce: 0 });
    expect(await read("dropped", true)).toEqual([]);
  });

  test("only a run from the beginning that succeeded says what is gone", async () => {
    const keys = keysTo(10);
    await see("partial", keys);
    const failed = await start("partial");
    await commit(failed, keys.slice(0, 1), { isLast: false, cursorOut: "c1" });
    await store.endRun(failed.runId, { status: "failed", code: "SERVER_ERROR", message: "down" });
    const cut = await start("partial");
    await commit(cut, keys.slice(0, 1), { endStatus: "incomplete", endCode: "RUN_DEADLINE" });
    const incremental = await start("partial", "incremental");
    expect(incremental.boundAtStart).not.toBeNull();
    await commit(incremental, []);
    await store.settleDeletions();
    for (const { runId } of [failed, cut, incremental])
      await expect(store.readDeletion(runId)).rejects.toMatchObject({ code: "DELETION_UNKNOWN" });
    expect(await store.listDeletions({ stream: "partial", limit: 9 })).toHaveLength(1);
    expect(await read("partial", false)).toEqual(keys);
  });

  test.each(["deletions.marked", "deletions.stepped"] as const)(
    "one that dies at %s is gone on with",
    async (point) => {
      const keys = keysTo(7_000);
      const few = keys.filter((_, i) => i % 14 !== 0);
      const stream = point.replace(".", "_");
      for (const seen of [keys, few]) await see(stream, seen);
      const run = await start(stream);
      await commit(run, few);
      let deaths = 0;
      for (let nth = 1; (await store.readDeletion(run.runId)).status !== "done"; nth += 1) {
        let reached = 0;
        const reach = async (at: FailurePoint) => {
          if (at === point && ++reached === nth) throw new Error("died");
        };
        await using dying = await opened({ reach });
        await dying.store.settleDeletions().catch(() => (deaths += 1));
      }
      expect(deaths).toBeGreaterThan(2);
      expect(await store.readDeletion(run.runId)).toMatchObject({ known: 7_000, missing: 500, deleted: 500 });
      const deleted = await store.queryView(
        `SELECT revision, count(*) AS n FROM records WHERE stream = '${stream}' AND deleted_at IS NOT NULL GROUP BY revision`,
      );
      expect(deleted.map(({ revision, n }) => [Number(revision), Number(n)])).toEqual([[2, 500]]);
    },
  );

  test("processes that are killed on the way, and two at once, delete each record once", {
    timeout: 120_000,
  }, async () => {
    const keys = keysTo(12_000);
    const few = keys.filter((_, i) => i % 12 !== 0);
    const commitAll = async (seen: string[]) => {
      const run = await start("large");
      for (let seq = 0; seq * 5_000 < seen.length; seq += 1) {
        const isLast = (seq + 1) * 5_000 >= seen.length;
        const page = { seq, isLast, cursorOut: isLast ? null : `c${seq + 1}` };
        await commit(run, seen.slice(seq * 5_000, (seq + 1) * 5_000), page);
      }
      return run.runId;
    };
    await commitAll(keys);
    await store.settleDeletions();
    await commitAll(few);
    await store.settleDeletions();
    const runId = await commitAll(few);
    for (let afterMs = 5; (await store.readDeletion(runId)).status !== "done" && afterMs < 500; afterMs *= 4)
      await killedAfter(spawnSettling(url), afterMs);
    await Promise.all([store.settleDeletions(), store.settleDeletions()]);
    expect(await store.readDeletion(runId)).toMatchObject({
      status: "done",
      known: 12_000,
      missing: 1_000,
      deleted: 1_000,
    });
    const rows = await store.queryView(
      "SELECT revision, count(*) AS n FROM records WHERE stream = 'large' AND deleted_at IS NOT NULL GROUP BY revision",
    );
    expect(rows.map(({ revision, n }) => [Number(revision), Number(n)])).toEqual([[2, 1_000]]);
  });
});

function spawnSettling(url: string): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, "settle-main.ts"), url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function killedAfter(child: ChildProcess, ms: number): Promise<void> {
  const exited = once(child, "exit");
  await Promise.race([child.stdout && once(child.stdout, "data"), exited]);
  await delay(ms);
  child.kill("SIGKILL");
  await exited;
}
