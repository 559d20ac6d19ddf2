import { join } from "node:path";
import { databaseTargets } from "@penstock/testing/databases";
import { describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor, partition } from "./page-of.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const live = { ...partition, mode: "incremental", takeOver: "none" } as const;

describe.each(databaseTargets())("freshness on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  test("tells of runs, letters and pauses as they come", async () => {
    await using stack = new AsyncDisposableStack();
    const database = stack.adopt(await create(), (created) => created.drop());
    const store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
    const read = async () => (await store.freshness()).streams[0];
    expect(await store.freshness()).toMatchObject({ streams: [] });

    const { run } = await store.startRun(live);
    const startedAt = (await store.readRun(run.runId))?.run.startedAt;
    expect(await read()).toMatchObject({ lastSuccessAt: null, firstRunAt: startedAt, liveRuns: 1, isPaused: false });

    const watermark = new Date("2026-01-02T00:00:00Z");
    const page = pageOf(run, { isLast: true, cursorOut: null, keys: ["a"], watermark });
    await store.commitPage(page);
    await store.setPaused("s", "t", true, { actor: "test", reason: null });
    const { run: next } = await store.startRun(live);
    await store.settleFetch({ ...letter, runId: next.runId });
    const { now, streams } = await store.freshness();
    const endedAt = (await store.readRun(run.runId))?.run.endedAt;
    expect(streams).toEqual([
      {
        source: "s",
        stream: "t",
        checkpointAt: expect.any(Date),
        watermark,
        lastSuccessAt: endedAt,
        firstRunAt: startedAt,
        isPaused: true,
        deletionsWaiting: 0,
        duePartitions: 0,
        failingPartitions: 0,
        liveRuns: 0,
        openLetters: 1,
      },
    ]);
    expect(Math.abs(now.getTime() - (await store.now()).getTime())).toBeLessThan(60_000);
  });
});

const letter = {
  source: "s",
  stream: "t",
  partition: "live",
  stage: "fetch",
  kind: "request",
  key: "{}",
  code: "TIMEOUT",
  message: "m",
  path: null,
  payload: "{}",
  seq: 0,
  observedAt: new Date("2026-01-01T00:00:00Z"),
  traceId: null,
} as const;
