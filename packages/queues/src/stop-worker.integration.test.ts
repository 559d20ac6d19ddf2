import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { queueTargets } from "@penstock/testing/databases";
import { canStartOwn, startOwnRedis } from "@penstock/testing/servers";
import { waitUntil } from "@penstock/testing/wait-until";
import type { IQueueBackend } from "bullmq";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BullWorker, openQueueBackend, type QueueBackend } from "./backend.ts";
import { fetchQueue } from "./catalog.ts";
import { createQueues } from "./create-queues.ts";
import { type OpenedQueue, openTarget } from "./opened-queue.ts";
import type { JobContext } from "./queues.ts";
import { fetchJob } from "./sample-jobs.ts";
import { startWorker } from "./worker.ts";

const options = { concurrency: 2, attempts: 3, backoff: { initialMs: 10, maxMs: 20 } };

/** A handler that says when it began, ends when told to, and gives up when aborted if it `heeds` that. */
function holding({ heeds = true } = {}) {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const contexts: JobContext[] = [];
  const handle = async (_payload: unknown, context: JobContext) => {
    contexts.push(context);
    const aborted = once(context.signal, "abort");
    await (heeds ? Promise.race([released, aborted]) : released);
    if (heeds) context.signal.throwIfAborted();
  };
  return { contexts, release, handlers: { fetch: { handle, settle: async () => undefined } } };
}

describe.each(queueTargets())("stopping a worker on $name", (target) => {
  let opened: OpenedQueue;
  beforeAll(async () => {
    opened = await openTarget(target);
  });
  afterAll(() => opened.close());

  test("takes no more jobs, and waits for those that run", async () => {
    const { contexts, release, handlers } = holding();
    const worker = opened.start("drain", { handlers, options });
    await opened.queues().enqueue([0, 1, 2, 3].map((seq) => fetchJob("drain", { seq })));
    await waitUntil(() => contexts.length === 2, { what: "two jobs to run" });
    expect(worker.isRunning()).toBe(true);
    const stopping = worker.stop(10_000);
    expect(worker.isRunning()).toBe(false);
    release();
    expect(await stopping).toBe(true);
    expect(await opened.depthOf("drain")).toMatchObject({ waiting: 2, active: 0, delayed: 0, failed: 0 });
    expect(contexts).toHaveLength(2);
  });

  test("one whose loop ended by itself does not run", async () => {
    const ended: { worker?: BullWorker } = {};
    const createWorker: QueueBackend["createWorker"] = (...made) =>
      (ended.worker = opened.backend.createWorker(...made));
    const { handlers } = holding();
    const worker = startWorker({ ...opened.backend, createWorker }, { queue: fetchQueue("ended"), handlers, options });
    expect(worker.isRunning()).toBe(true);
    await ended.worker?.close();
    expect(worker.isRunning()).toBe(false);
    await worker.stop(0);
  });

  test("hands back, after the grace period, what still runs; no attempt is spent", async () => {
    const { contexts, handlers } = holding();
    const worker = opened.start("abort", { handlers, options });
    await opened.queues().enqueue([fetchJob("abort")]);
    await waitUntil(() => contexts.length === 1, { what: "the job to run" });
    expect(await worker.stop(50)).toBe(false);
    expect(contexts[0]?.signal.aborted).toBe(true);
    expect(await opened.depthOf("abort")).toMatchObject({ waiting: 1, active: 0, delayed: 0, failed: 0 });
    const again = holding();
    again.release();
    opened.start("abort", { handlers: again.handlers, options });
    await waitUntil(() => again.contexts.length === 1, { what: "another worker to take it" });
    expect(again.contexts[0]).toMatchObject({ attempt: 1, stalls: 0 });
  });

  test("leaves what it hands back to others, even when it was about to take a job", async () => {
    const handedBack = Promise.withResolvers<void>();
    const createWorker: QueueBackend["createWorker"] = (...made) => {
      const worker = opened.backend.createWorker(...made);
      const inner: IQueueBackend = Reflect.get(worker, "backend");
      const moveToActive = inner.moveToActive.bind(inner);
      inner.moveToActive = async (...asked) => {
        if (contexts.length > 0) await handedBack.promise;
        return await moveToActive(...asked);
      };
      return worker;
    };
    const { contexts, handlers } = holding();
    const worker = startWorker({ ...opened.backend, createWorker }, { queue: fetchQueue("late"), handlers, options });
    await opened.queues().enqueue([fetchJob("late")]);
    await waitUntil(() => contexts.length === 1, { what: "the job to run" });
    const stopping = worker.stop(50);
    await waitUntil(async () => (await opened.depthOf("late"))?.waiting === 1, { what: "the job to be back" });
    handedBack.resolve();
    expect(await stopping).toBe(false);
    expect(await opened.depthOf("late")).toMatchObject({ waiting: 1, active: 0, delayed: 0, failed: 0 });
    expect(contexts).toHaveLength(1);
  });

  test("of an idle worker is a matter of moments", async () => {
    const worker = opened.start("idle", { handlers: holding().handlers, options });
    // So that it is waiting for jobs by now.
    await opened.queues().ping();
    const startedAt = performance.now();
    expect(await worker.stop(10_000)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test("does not hang on a handler that heeds no signal", async () => {
    const { contexts, release, handlers } = holding({ heeds: false });
    const worker = opened.start("deaf", { handlers, options });
    await opened.queues().enqueue([fetchJob("deaf")]);
    await waitUntil(() => contexts.length === 1, { what: "the job to run" });
    const startedAt = performance.now();
    expect(await worker.stop(50)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(7_000);
    release();
    await waitUntil(async () => (await opened.depthOf("deaf"))?.active === 0, { what: "the job to end after all" });
  });
});

describe.runIf(canStartOwn("redis"))("stopping a worker whose Redis is away", () => {
  test.each([0, 1])(
    "does not hang (jobs running: %d)",
    async (running) => {
      const server = await startOwnRedis();
      const backend = await openQueueBackend({ kind: "redis", url: server.url });
      const { contexts, handlers } = holding();
      const worker = startWorker(backend, { queue: fetchQueue("s"), handlers, options });
      if (running > 0) await createQueues(backend, { sources: ["s"] }).enqueue([fetchJob("s")]);
      await waitUntil(() => contexts.length === running, { what: "the jobs to run" });
      await server.kill();
      const startedAt = performance.now();
      expect(await Promise.race([worker.stop(200), delay(15_000, "hangs", { ref: false })])).toBe(false);
      expect(performance.now() - startedAt).toBeLessThan(12_000);
      expect(await Promise.race([backend.close(), delay(5_000, "hangs", { ref: false })])).toBeUndefined();
      await server.close();
    },
    60_000,
  );
});
