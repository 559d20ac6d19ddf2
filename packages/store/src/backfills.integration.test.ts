import { join } from "node:path";
import { windowOf } from "@penstock/core/partition";
import type { Run } from "@penstock/core/run";
import { databaseTargets } from "@penstock/testing/databases";
import Database from "better-sqlite3";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor } from "./page-of.ts";
import type { NewBackfill, Store } from "./store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const author = { actor: "cli:test@here", reason: "a mapping was wrong" };
const day = 86_400_000;

describe.each(databaseTargets())("backfills on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  const stack = new AsyncDisposableStack();
  let store: Store;
  let url: string;
  beforeAll(async () => {
    const database = stack.adopt(await create(), (created) => created.drop());
    url = database.url;
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  });
  afterAll(() => stack.disposeAsync());

  const request = (stream: string, days: number, parallel = 2): NewBackfill => {
    const from = new Date("2026-01-01T00:00:00Z");
    return { source: "s", stream, from, to: new Date(from.getTime() + days * day), windowMs: day, parallel };
  };
  const begin = async (stream: string, days: number, parallel?: number) =>
    (await store.startBackfill(request(stream, days, parallel), author)).backfill.id;
  const startedOf = async (id: string) => (await store.startWindows(id)).started.map(({ run }) => run);
  const succeed = (run: Run, keys = [run.runId]) =>
    store.commitPage(pageOf(run, { keys, isLast: true, cursorOut: null }));
  const fail = (run: Run) => store.endRun(run.runId, { status: "failed", code: "SERVER_ERROR", message: "down" });

  test("its windows are started in their order, so many at once, each from its own beginning", async () => {
    const live = (
      await store.startRun({ source: "s", stream: "t", partition: "live", mode: "incremental", takeOver: "any" })
    ).run;
    const id = await begin("t", 3.5);
    expect(await store.readBackfill(id)).toMatchObject({
      status: "running",
      windows: { total: 4, done: 0, running: 0 },
    });
    const [first, second, ...others] = await startedOf(id);
    if (first === undefined || second === undefined) throw new Error("two windows were to be started");
    expect(others).toEqual([]);
    expect(await startedOf(id)).toEqual([]);
    expect(first).toMatchObject({ mode: "backfill", boundAtStart: "2026-01-01T00:00:00.000Z", fence: 1 });
    expect(windowOf(second.partition)).toEqual({
      backfill: id,
      from: "2026-01-02T00:00:00.000Z",
      to: "2026-01-03T00:00:00.000Z",
    });
    await succeed(first, ["a", "b"]);
    const [third] = await startedOf(id);
    expect(third?.boundAtStart).toBe("2026-01-03T00:00:00.000Z");
    for (const run of [second, third]) if (run !== undefined) await succeed(run);
    const [fourth] = await startedOf(id);
    expect(windowOf(fourth?.partition ?? "")?.to).toBe("2026-01-04T12:00:00.000Z");
    if (fourth !== undefined) await succeed(fourth);
    expect(await store.startWindows(id)).toEqual({ started: [], ended: "succeeded" });
    expect(await store.readBackfill(id)).toMatchObject({
      status: "succeeded",
      windows: { total: 4, done: 4, running: 0, failed: 0 },
      account: { fetched: 5, inserted: 5, updated: 0, unchanged: 0, duplicate: 0, filtered: 0, deadLettered: 0 },
    });
    expect(await store.checkpoint("s", "t", "live")).toMatchObject({ bound: null, liveRunId: live.runId, fence: 1 });
    expect(await store.listCheckpoints({ source: "s", stream: "t", limit: 9 })).toHaveLength(1);
    expect((await store.freshness()).streams[0]).toMatchObject({ stream: "t", lastSuccessAt: null });
    expect((await store.streamStates())[0]).toMatchObject({ lastRun: { runId: live.runId }, partitions: null });
    expect(await store.listActions({ target: "s.t", limit: 1 })).toMatchObject([
      { ...author, action: "backfill.start" },
    ]);
  });

  test("of several who start windows at once, each window is started by one", async () => {
    const id = await begin("raced", 6, 6);
    const started = await Promise.all([1, 2, 3].map(() => startedOf(id)));
    const partitions = started.flat().map(({ partition }) => partition);
    expect(partitions).toHaveLength(6);
    expect(new Set(partitions).size).toBe(6);
  });

  test("a window that fails is tried again from where it came to, and given up in the end; asked for again it goes on", async () => {
    const id = await begin("failing", 2, 1);
    const [run] = await startedOf(id);
    if (run === undefined) throw new Error("no window was started");
    const bound = { kind: "timestamp", candidate: "2026-01-01T06:00:00.000Z", moves: "page", lookbackMs: 0 } as const;
    await store.commitPage(pageOf(run, { bound }));
    await fail(run);
    const again = await store.startBackfill(request("failing", 2, 1), author);
    expect(again).toMatchObject({ isNew: false, backfill: { id, windows: { total: 2, failed: 0 } } });
    const [retried] = await startedOf(id);
    expect(retried).toMatchObject({ partition: run.partition, fence: 2, boundAtStart: "2026-01-01T06:00:00.000Z" });
    if (retried === undefined) throw new Error("it was not tried again");
    await store.endRun(retried.runId, { status: "cancelled", code: "CANCELLED", message: "by hand" });
    const [other] = await startedOf(id);
    if (other !== undefined) await succeed(other);
    expect(await store.startWindows(id)).toEqual({ started: [], ended: "failed" });
    expect(await store.readBackfill(id)).toMatchObject({ status: "failed", windows: { total: 2, done: 1, failed: 1 } });
    expect((await store.startBackfill(request("failing", 2, 1), author)).backfill).toMatchObject({
      id,
      status: "running",
    });
    const [last] = await startedOf(id);
    if (last !== undefined) await succeed(last);
    expect((await store.startWindows(id)).ended).toBe("succeeded");
  });

  test("five failures are enough", async () => {
    const id = await begin("hopeless", 1);
    for (let i = 0; i < 5; i += 1) {
      const [run] = await startedOf(id);
      if (run === undefined) throw new Error("it was not tried again");
      await fail(run);
      expect(await startedOf(id)).toEqual([]);
      await execute(
        url,
        `UPDATE backfill_windows SET next_attempt_at = started_at FROM backfills WHERE id = backfill_id`,
      );
    }
    expect(await store.readBackfill(id)).toMatchObject({ status: "failed", windows: { total: 1, failed: 1 } });
  });

  test("paused with its stream; cancelled for good, what it committed stays", async () => {
    const id = await begin("paused", 3);
    await store.setPaused("s", "paused", true, author);
    expect(await store.startWindows(id)).toEqual({ started: [], ended: null });
    await store.setPaused("s", "paused", false, author);
    const [first, second] = await startedOf(id);
    if (first === undefined || second === undefined) throw new Error("two windows were to be started");
    await succeed(first);
    const cancelled = await store.cancelBackfill(id, author);
    expect(cancelled).toMatchObject({ isCancelled: true, ended: [second.runId], backfill: { status: "cancelled" } });
    expect(await store.startWindows(id)).toEqual({ started: [], ended: null });
    expect((await store.cancelBackfill(id, author)).isCancelled).toBe(false);
    expect((await store.readBackfill(id)).account.inserted).toBe(1);
    expect(await succeed(second)).toMatchObject({ runStatus: "cancelled" });
    await expect(store.readBackfill("none")).rejects.toMatchObject({ code: "BACKFILL_UNKNOWN" });
    expect((await store.startBackfill(request("paused", 3), author)).isNew).toBe(true);
  });

  test("a span without time or of too many windows is refused, and nothing is left of it", async () => {
    const before = await store.listBackfills({ limit: 100 });
    const { from } = request("none", 1);
    for (const wrong of [{ to: from }, { windowMs: 1 }, { windowMs: 0 }])
      await expect(store.startBackfill({ ...request("none", 1), ...wrong }, author)).rejects.toMatchObject({
        code: "BACKFILL_IMPOSSIBLE",
      });
    expect(await store.listBackfills({ limit: 100 })).toEqual(before);
  });
});

/** What no method of the store does: the time for a window's next try comes at once. */
async function execute(url: string, sql: string): Promise<void> {
  if (url.startsWith("file:")) {
    const db = new Database(url.slice("file:".length));
    db.exec(sql);
    db.close();
    return;
  }
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}
