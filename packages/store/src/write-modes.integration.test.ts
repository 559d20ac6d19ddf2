import { join } from "node:path";
import type { FailurePoint } from "@penstock/core/failure-points";
import type { WriteMode } from "@penstock/core/record";
import { databaseTargets } from "@penstock/testing/databases";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor } from "./page-of.ts";
import type { PageCommit, Store } from "./store.ts";

const author = { actor: "cli:test@here", reason: null };
const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const modes: WriteMode[] = ["merge", "append", "replace"];
/** A process can die before, within and behind what a page writes: nothing of the page is there then, or all of it. */
const deaths: FailurePoint[] = ["commit.page-inserted", "commit.records-written", "commit.checkpoint-moved"];

describe.each(databaseTargets())("write modes on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  const stack = new AsyncDisposableStack();
  let store: Store;
  let dieAt: FailurePoint | undefined;
  beforeAll(async () => {
    const database = stack.adopt(await create(), (created) => created.drop());
    const reach = async (point: FailurePoint) => {
      if (point !== dieAt) return;
      dieAt = undefined;
      throw new TypeError(`died at ${point}`);
    };
    store = stack.adopt(await openStore({ url: database.url, migrationsRoot, reach }), (opened) => opened.close());
  });
  afterAll(() => stack.disposeAsync());

  const start = async (stream: string) =>
    (await store.startRun({ source: "s", stream, partition: "live", mode: "full", takeOver: "any" })).run;
  const read = async (stream: string) => {
    const view = { source: "s", stream, name: `s_${stream}`, columns: [{ name: "value", type: "integer" as const }] };
    await store.ensureViews([view]);
    const query = {
      source: "s",
      stream,
      keys: [],
      conditions: [],
      isDeleted: false,
      order: "key",
      limit: 100,
    } as const;
    const { records } = await store.queries.records(query);
    const listed = records.map((record) => JSON.parse(record));
    const rows = await store.queryView(`SELECT value FROM "s_${stream}"`);
    expect(rows.map(({ value }) => value).sort()).toEqual(listed.map(({ data }) => data.value).sort());
    for (const { key, data } of listed) expect(await store.readRecord("s", stream, key)).toEqual(data);
    return Object.fromEntries(listed.map(({ key, data }) => [key, data.value]));
  };
  const commitDying = async (page: PageCommit, at: FailurePoint) => {
    dieAt = at;
    await expect(store.commitPage(page)).rejects.toThrow(at);
    return store.commitPage(page);
  };

  test.each(modes)("%s: pages whose workers die, delivered again, count once", async (writeMode) => {
    const stream = `dying_${writeMode}`;
    const run = await start(stream);
    const later = { writeMode, observedAt: new Date("2026-01-02T00:00:00Z") };
    for (const [seq, death] of deaths.entries()) {
      const page = pageOf(run, { seq, keys: [`a${seq}`, `b${seq}`], writeMode });
      expect(await commitDying(page, death)).toMatchObject({ isFirst: true, account: { inserted: 2 } });
      expect(await store.commitPage(page)).toMatchObject({ isFirst: false, account: { inserted: 0, unchanged: 2 } });
    }
    const last = { seq: 3, isLast: true, cursorOut: null, keys: ["a0", "c"], value: 2, ...later };
    const changed = writeMode === "append" ? { unchanged: 1 } : { updated: 1 };
    expect(await store.commitPage(pageOf(run, last))).toMatchObject({ account: { inserted: 1, ...changed } });
    const state = await store.readRun(run.runId);
    expect(state?.run).toMatchObject({ status: "succeeded", account: { fetched: 8, inserted: 7 } });
    const a0 = writeMode === "append" ? 1 : 2;
    expect(await read(stream)).toEqual({ a0, a1: 1, a2: 1, b0: 1, b1: 1, b2: 1, c: 2 });
  });

  test("append: what is there stays, however new the version that comes", async () => {
    const run = await start("log");
    await store.commitPage(pageOf(run, { keys: ["e1"], writeMode: "append", version: "1" }));
    const again = pageOf(run, { seq: 1, keys: ["e1", "e2"], value: 2, version: "2", writeMode: "append" });
    const { account } = await store.commitPage(again);
    expect(account).toMatchObject({ inserted: 1, updated: 0, unchanged: 1 });
    expect(await read("log")).toEqual({ e1: 1, e2: 2 });
  });

  const refresh = { writeMode: "replace" } as const;
  const end = { isLast: true, cursorOut: null } as const;

  test("replace: the old is read until all of the new is there, and then only the new", async () => {
    const first = await start("whole");
    await store.commitPage(pageOf(first, { keys: ["a", "b"], ...refresh }));
    expect(await read("whole")).toEqual({});
    await store.commitPage(pageOf(first, { seq: 1, keys: ["c"], ...end, ...refresh }));
    expect(await read("whole")).toEqual({ a: 1, b: 1, c: 1 });
    const [before] = await store.queryView(
      "SELECT first_seen_at, updated_at FROM records WHERE key = 'a' AND stream = 'whole'",
    );

    const second = await start("whole");
    await store.commitPage(pageOf(second, { keys: ["a"], ...refresh }));
    await store.commitPage(pageOf(second, { seq: 1, keys: ["c", "d"], value: 2, ...refresh }));
    expect(await read("whole")).toEqual({ a: 1, b: 1, c: 1 });
    await store.commitPage(pageOf(second, { seq: 2, keys: [], ...end, ...refresh }));
    expect(await read("whole")).toEqual({ a: 1, c: 2, d: 2 });
    const [after] = await store.queryView(
      `SELECT first_seen_at, updated_at FROM records WHERE key = 'a' AND run_id = '${second.runId}'`,
    );
    expect(after).toEqual(before);
  });

  test.each(["failed", "incomplete", "cancelled"] as const)(
    "replace: a run that is %s leaves the old whole",
    async (status) => {
      const stream = `half_${status}`;
      const first = await start(stream);
      await store.commitPage(pageOf(first, { keys: ["a", "b"], ...end, ...refresh }));
      const second = await start(stream);
      await store.commitPage(pageOf(second, { keys: ["a", "x"], value: 2, ...refresh }));
      if (status === "incomplete")
        await store.commitPage(pageOf(second, { seq: 1, keys: ["y"], ...end, endStatus: status, ...refresh }));
      else await store.endRun(second.runId, { status });
      expect((await store.readRun(second.runId))?.run.status).toBe(status);
      expect(await read(stream)).toEqual({ a: 1, b: 1 });
    },
  );

  test("replace: of two runs at once only the one that is not superseded is ever read", async () => {
    const first = await start("two");
    await store.commitPage(pageOf(first, { keys: ["a"], ...refresh }));
    const second = await start("two");
    await store.commitPage(pageOf(second, { keys: ["b"], ...refresh }));
    const late = await store.commitPage(pageOf(first, { seq: 1, keys: ["late"], ...end, ...refresh }));
    expect(late).toMatchObject({ runStatus: "superseded", account: { inserted: 1 } });
    expect(await read("two")).toEqual({});
    await store.commitPage(pageOf(second, { seq: 1, keys: ["c"], ...end, ...refresh }));
    expect(await read("two")).toEqual({ b: 1, c: 1 });
  });

  test("replace: a letter that is redriven after another run took the place of its own brings nothing back", async () => {
    const first = await start("redriven");
    const page = pageOf(first, { keys: ["a"], letters: [letterOf(first)], deadLettered: 1, ...end, ...refresh });
    await store.commitPage(page);
    await store.commitPage(pageOf(await start("redriven"), { keys: ["a"], ...end, ...refresh }));
    const [claimed] = await store.claimForRedrive({ source: "s", stream: "redriven", limit: 1 }, author);
    const { records, observedAt, schemaVersion } = pageOf(first, { keys: ["bad"] });
    const redrive = { records, observedAt, schemaVersion, letters: [], seq: 0, runId: first.runId, ...refresh };
    const resolved = await store.commitRedrive({
      ...redrive,
      source: "s",
      stream: "redriven",
      letterId: claimed?.id ?? "",
      redrives: 1,
    });
    expect(resolved.isResolved).toBe(true);
    expect(await read("redriven")).toEqual({ a: 1 });
  });

  test("replace: what is not read any more is removed, and nothing else", async () => {
    const rows = () =>
      store.queryView("SELECT run_id, count(*) AS n FROM records WHERE stream = 'pruned' GROUP BY run_id ORDER BY n");
    const first = await start("pruned");
    await store.commitPage(pageOf(first, { keys: ["a"], ...end, ...refresh }));
    const failed = await start("pruned");
    await store.commitPage(pageOf(failed, { keys: ["a", "b"], ...refresh }));
    await store.endRun(failed.runId, { status: "failed" });
    const read = await start("pruned");
    await store.commitPage(pageOf(read, { keys: ["a", "b", "c"], ...end, ...refresh }));
    const given = await start("pruned");
    await store.commitPage(pageOf(given, { keys: ["x"], ...refresh }));
    const live = await start("pruned");
    await store.commitPage(pageOf(live, { keys: ["a", "b", "c", "d"], ...refresh }));
    expect(await store.pruneGenerations()).toBeGreaterThanOrEqual(4);
    expect(await rows()).toEqual([
      { run_id: read.runId, n: 3 },
      { run_id: live.runId, n: 4 },
    ]);
    expect(await store.pruneGenerations()).toBe(0);
  });
});

function letterOf({ runId, stream }: { runId: string; stream: string }): PageCommit["letters"][number] {
  const origin = { source: "s", stream, partition: "live", runId, seq: 0, traceId: null };
  const observedAt = new Date("2026-01-01T00:00:00Z");
  const reason = { code: "RECORD_INVALID", message: "m", path: null } as const;
  return { ...origin, ...reason, observedAt, stage: "transform", kind: "record", key: "bad", payload: "{}" };
}
