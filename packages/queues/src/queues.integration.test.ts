import { windowPartition } from "@penstock/core/partition";
import { queueTargets } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deadLetterQueue, tickQueue } from "./catalog.ts";
import { type OpenedQueue, openTarget } from "./opened-queue.ts";
import type { LetterMirror, QueueDepth, Queues } from "./queues.ts";
import { fetchJob, transformJob } from "./sample-jobs.ts";
import { startWorker } from "./worker.ts";

describe.each(queueTargets())("queues on $name", (target) => {
  let opened: OpenedQueue;
  beforeAll(async () => {
    opened = await openTarget(target);
  });
  afterAll(() => opened.close());

  const depth = (depths: QueueDepth[], queue: string) => depths.find((one) => one.queue === queue);
  const hasJobs = async (queues: Queues, source: string, runId: string) =>
    (await queues.runsWithJobs([{ source, runId }])).has(runId);

  test("adds jobs of several queues together, and counts them", async () => {
    const queues = opened.queues({ sources: ["several"] });
    await queues.ping();
    const before = await queues.transformBacklog();
    await queues.enqueue([transformJob("several", { runId: "A" }), fetchJob("several", { runId: "A", seq: 1 })]);
    await queues.enqueue([{ ...fetchJob("several", { runId: "A", seq: 2 }), delayMs: 60_000 }]);
    expect(depth(await queues.depths(), "fetch.several")).toEqual({
      queue: "fetch.several",
      waiting: 1,
      active: 0,
      delayed: 1,
      failed: 0,
    });
    expect((await queues.transformBacklog()) - before).toBe(1);
    const oldest = await queues.oldestJobs();
    expect([...new Set(oldest.map(({ queue }) => queue))]).toEqual([tickQueue, "fetch.several", "transform"]);
    const ofSeveral = oldest.filter(({ queue }) => queue === "fetch.several");
    expect(ofSeveral.map(({ state, ageMs }) => [state, ageMs > 0])).toEqual([
      ["waiting", true],
      ["active", false],
      ["delayed", true],
      ["failed", false],
    ]);
  });

  test("a job whose id is known counts as added", async () => {
    const queues = opened.queues({ sources: ["known"] });
    await queues.enqueue([fetchJob("known")]);
    await queues.enqueue([fetchJob("known")]);
    expect(depth(await queues.depths(), "fetch.known")?.waiting).toBe(1);
  });

  test("without deduplication every job is added", async () => {
    const queues = opened.queues({ sources: ["twice"], isDeduplicated: false });
    await queues.enqueue([fetchJob("twice"), fetchJob("twice")]);
    await queues.enqueue([fetchJob("twice")]);
    expect(depth(await queues.depths(), "fetch.twice")?.waiting).toBe(3);
  });

  test("a payload that the catalog does not know is refused, and its companions with it", async () => {
    const queues = opened.queues({ sources: ["strict"] });
    const wrong = fetchJob("strict");
    Reflect.set(wrong.payload, "seq", "three");
    await expect(queues.enqueue([fetchJob("strict", { seq: 1 }), wrong])).rejects.toMatchObject({
      code: "PAYLOAD_UNREADABLE",
    });
    expect(depth(await queues.depths(), "fetch.strict")?.waiting).toBe(0);
  });

  test("a payload too large is refused", async () => {
    const huge = transformJob("huge", { runId: "huge", zstd: "x".repeat(600_000) });
    await expect(opened.queues().enqueue([huge])).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
    expect(await hasJobs(opened.queues(), "huge", "huge")).toBe(false);
  });

  test.each([true, false])(
    "finds a run's jobs among thousands of others (deduplicated: %s)",
    async (isDeduplicated) => {
      const source = `crowd${isDeduplicated}`;
      const queues = opened.queues({ sources: [source], isDeduplicated });
      const crowd = Array.from({ length: 2_000 }, (_, seq) => fetchJob(source, { runId: "crowd", seq }));
      await queues.enqueue(crowd);
      expect(await hasJobs(queues, source, "lost")).toBe(false);
      await queues.enqueue([{ ...fetchJob(source, { runId: "lost" }), delayMs: 60_000 }]);
      expect(await hasJobs(queues, source, "lost")).toBe(true);
      expect(await hasJobs(queues, source, "los")).toBe(false);
      await queues.enqueue([transformJob(source, { runId: `only${source}` })]);
      expect(await hasJobs(queues, source, `only${source}`)).toBe(true);
      const other = `other${source}`;
      await queues.enqueue([fetchJob(other, { runId: other })]);
      const asked = ["lost", "none", "crowd", `only${source}`].map((runId) => ({ source, runId }));
      expect(await queues.runsWithJobs([...asked, { source: other, runId: other }])).toEqual(
        new Set(["lost", "crowd", `only${source}`, other]),
      );
    },
  );

  test("finds a run's job while it runs", async () => {
    const queues = opened.queues();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const handle = () => {
      start();
      return released;
    };
    opened.start("busy", { handlers: { fetch: { handle, settle: async () => undefined } }, options: sparing });
    await queues.enqueue([fetchJob("busy", { runId: "busy" })]);
    await started;
    expect(await hasJobs(queues, "busy", "busy")).toBe(true);
    release();
    await waitUntil(async () => !(await hasJobs(queues, "busy", "busy")), { what: "the job to be gone" });
  });

  test("knows all sources that ever had limits", async () => {
    await opened.queues().applyLimits("limited", { concurrency: 2, rateLimit: { max: 10, perMs: 1_000 } });
    expect((await opened.queues().depths()).map(({ queue }) => queue)).toContain("fetch.limited");
    const queue = opened.backend.queue("fetch.limited");
    expect([await queue.getGlobalConcurrency(), await queue.getGlobalRateLimit()]).toEqual([
      2,
      { max: 10, duration: 1_000 },
    ]);
  });

  describe("schedules", () => {
    const hourly = { everyMs: 3_600_000, offsetMs: 1_234 };
    const iterations = async () =>
      (await opened.backend.queue(tickQueue).getJobScheduler("timely.items"))?.iterationCount;

    test("fall on their offset, and are left alone while they stay the same", async () => {
      const queues = opened.queues();
      await queues.applySchedule("timely", "items", hourly);
      const due = await queues.nextTick("timely", "items");
      expect((due?.getTime() ?? 0) % hourly.everyMs).toBe(hourly.offsetMs);
      const before = await iterations();
      await queues.applySchedule("timely", "items", hourly);
      expect([await queues.nextTick("timely", "items"), await iterations()]).toEqual([due, before]);
    });

    test("bring ticks to their handler", async () => {
      const ticked: unknown[] = [];
      const handle = async (payload: unknown) => void ticked.push(payload);
      const handlers = { tick: { handle, settle: async () => undefined } };
      await opened.queues().applySchedule("often", "items", { everyMs: 300, offsetMs: 10 });
      const worker = startWorker(opened.backend, { queue: tickQueue, handlers, options: sparing });
      await waitUntil(() => ticked.length >= 2, { what: "two ticks" });
      await opened.queues().applySchedule("often", "items", undefined);
      expect(await worker.stop(5_000)).toBe(true);
      expect(ticked[0]).toMatchObject({ source: "often", stream: "items" });
    });

    test("hand on how much later their ticks are to be acted on, and change with it", async () => {
      const [queues, rule] = [opened.queues(), { cron: "30 2 * * *", timezone: "Asia/Kolkata" }];
      const data = async () => (await opened.backend.queue(tickQueue).getJobScheduler("late.items"))?.template?.data;
      await queues.applySchedule("late", "items", { ...rule, delayMs: 5_000 });
      expect(await data()).toEqual({ source: "late", stream: "items", delayMs: 5_000 });
      await queues.applySchedule("late", "items", { ...rule, delayMs: 0 });
      expect(await data()).toEqual({ source: "late", stream: "items" });
      await queues.applySchedule("late", "items", undefined);
    });

    test("change to a time of day in its zone, and go", async () => {
      const queues = opened.queues();
      await queues.applySchedule("timely", "items", { cron: "30 2 * * *", timezone: "Asia/Kolkata", delayMs: 0 });
      expect((await queues.nextTick("timely", "items"))?.toISOString()).toMatch(/T21:00:00/);
      await queues.applySchedule("timely", "items", undefined);
      expect(await queues.nextTick("timely", "items")).toBeUndefined();
    });
  });

  test("mirrors the letters there are, as they are now", async () => {
    const letter = (id: string, message = "no key"): LetterMirror => ({
      id,
      source: "s",
      stream: "t",
      code: "KEY_MISSING",
      message,
    });
    const queues = opened.queues();
    await queues.mirrorLetters([letter("1"), letter("2")]);
    await queues.mirrorLetters([letter("3"), letter("2", "still none")]);
    const mirrored = async () => (await opened.backend.queue(deadLetterQueue).getWaiting()).map(({ data }) => data);
    expect(new Set(await mirrored())).toEqual(new Set([letter("2", "still none"), letter("3")]));
    // As after a crash, and as somebody in Bull Board may have it.
    await opened.backend.queue(deadLetterQueue).drain();
    await queues.mirrorLetters([letter("3")]);
    expect(await mirrored()).toEqual([letter("3")]);
  });

  test("what belongs to a backfill waits while there is other work, and is seen as waiting", async () => {
    const partition = windowPartition({ backfill: "b", from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" });
    const windows = [0, 1, 2].map((seq) => {
      const job = fetchJob("filled", { runId: "window", seq });
      return { ...job, payload: { ...job.payload, partition } };
    });
    const queues = opened.queues({ sources: ["filled"] });
    await queues.enqueue(windows);
    await queues.enqueue([fetchJob("filled", { runId: "live", seq: 7 })]);
    expect(await opened.depthOf("filled")).toMatchObject({ waiting: 4, active: 0 });
    expect(await hasJobs(queues, "filled", "window")).toBe(true);
    const seen: number[] = [];
    const handle = async ({ seq }: { seq: number }) => {
      seen.push(seq);
      // As a throttled page goes back into line.
      return seen.length === 2 ? { deferMs: 10 } : undefined;
    };
    const settle = async () => undefined;
    opened.start("filled", {
      handlers: { fetch: { handle, settle } },
      options: { concurrency: 1, attempts: 1, backoff: { initialMs: 1, maxMs: 1 } },
    });
    await waitUntil(() => seen.length === 5, { what: "all of them", timeoutMs: 20_000 });
    expect(seen[0]).toBe(7);
    expect(seen.toSorted()).toEqual([0, 0, 1, 2, 7]);
  });
});

const sparing = { concurrency: 1, attempts: 3, backoff: { initialMs: 10, maxMs: 20 } };
