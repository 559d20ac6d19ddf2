import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { databaseTargets } from "@penstock/testing/databases";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor, partition } from "./page-of.ts";
import type { Store } from "./store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const author = { actor: "cli:ada@host", reason: "the API lost a day" };

describe.each(databaseTargets())("operations on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  const stack = new AsyncDisposableStack();
  let store: Store;
  beforeAll(async () => {
    const { url } = stack.adopt(await create(), (created) => created.drop());
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  });
  afterAll(() => stack.disposeAsync());

  const start = async (stream: string) => {
    const { run } = await store.startRun({ ...partition, stream, mode: "incremental", takeOver: "none" });
    return run;
  };
  const boundOf = async (stream: string) => (await store.checkpoint("s", stream, "live"))?.bound;

  test("a bound is set and reset, with who did it and why", async () => {
    const change = { ...partition, stream: "a" };
    expect(await store.setBound({ ...change, bound: "20" }, author)).toEqual({ before: null });
    expect((await start("a")).boundAtStart).toBe("20");
    await store.endRun((await start("a")).runId, { status: "failed" });
    expect(await store.setBound({ ...change, bound: null }, author)).toEqual({ before: "20" });
    expect(await store.importBound("s", "a", "live", "7")).toBe(false);
    expect(await store.listActions({ target: "s.a", limit: 10 })).toMatchObject([
      { action: "checkpoint.reset", ...author, details: { partition: "live", before: "20", after: null } },
      { action: "checkpoint.set", at: expect.any(Date), details: { before: null, after: "20" } },
    ]);
    expect(await store.listActions({ action: "checkpoint.set", since: new Date(0), limit: 10 })).toHaveLength(1);
    expect(await store.listCheckpoints({ source: "s", stream: "a", limit: 5 })).toMatchObject([
      { partition: "live", bound: null, liveRunId: null },
    ]);
  });

  test("a bound is not set under a live run, and nothing is written of the attempt", async () => {
    const { runId } = await start("b");
    const refused = store.setBound({ ...partition, stream: "b", bound: "20" }, author);
    await expect(refused).rejects.toMatchObject({ name: "ConfigError", code: "RUN_ACTIVE" });
    expect(await store.listCheckpoints({ source: "s", stream: "b", limit: 5 })).toMatchObject([{ liveRunId: runId }]);
    expect(await boundOf("b")).toBeNull();
    expect(await store.listActions({ target: "s.b", limit: 10 })).toEqual([]);
  });

  test("a page of a run that ended before a bound was set does not move it", async () => {
    const run = await start("c");
    await store.cancelRun(run.runId, author);
    await store.setBound({ ...partition, stream: "c", bound: "5" }, author);
    const late = await store.commitPage(pageOf(run));
    expect(late).toMatchObject({ runStatus: "cancelled", bound: "5" });
    expect(await boundOf("c")).toBe("5");
  });

  test("a run is cancelled once, frees its partition, and says by whom", async () => {
    const { runId } = await start("d");
    expect(await store.cancelRun(runId, author)).toMatchObject({
      isCancelled: true,
      run: {
        status: "cancelled",
        errorCode: "CANCELLED",
        errorMessage: "cancelled by cli:ada@host: the API lost a day",
      },
    });
    expect(await store.cancelRun(runId, author)).toMatchObject({ isCancelled: false });
    expect(await store.listActions({ target: runId, limit: 10 })).toMatchObject([{ details: { stream: "s.d" } }]);
    expect((await start("d")).runId).not.toBe(runId);
    expect(await store.listRuns({ stream: "d", status: "cancelled", limit: 5 })).toMatchObject([{ runId }]);
    await expect(store.cancelRun("none", author)).rejects.toMatchObject({ code: "RUN_UNKNOWN" });
  });

  test("pauses are in the log, and so is what is noted by itself", async () => {
    await store.setPaused("s", "e", true, author);
    // SQLite's clock has milliseconds, and actions of the same one have no order.
    await delay(2);
    await store.setPaused("s", "e", false, { actor: "api:ops", reason: null });
    await delay(2);
    await store.noteAction({ ...author, action: "letters.discard", target: "s.e", details: { letters: 3 } });
    const found = await store.listActions({ target: "s.e", limit: 10 });
    expect(found.map(({ action, actor }) => `${action} ${actor}`)).toEqual([
      "letters.discard cli:ada@host",
      "resume api:ops",
      "pause cli:ada@host",
    ]);
    expect(await store.listActions({ target: "s.e", limit: 1 })).toMatchObject([{ details: { letters: 3 } }]);
  });
});
