import { openQueueBackend, type QueueBackend } from "@penstock/queues/backend";
import { fetchQueue } from "@penstock/queues/catalog";
import { createQueues } from "@penstock/queues/create-queues";
import type { JobHandler } from "@penstock/queues/queues";
import { startWorker } from "@penstock/queues/worker";
import { type DatabaseTarget, databaseTargets, flushRedis, queueTargets } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, describe, expect, test } from "vitest";
import type { FetchContext } from "./context.ts";
import { fetchHandler } from "./handlers.ts";
import { restoreQueueState } from "./restore.ts";
import type { ScriptedAnswer, ScriptedOptions, ScriptedSource } from "./scripted-source.ts";
import { startRun } from "./start-run.ts";
import { openBench } from "./test-bench.ts";
import { createWatchdog } from "./watchdog.ts";

/*
 * Many workers, on connections of their own, on one source whose every request is recorded. What they know of each other is
 * what stands in the queue and in the database.
 */

const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

/** Resolves for all who wait when as many do. */
function createBarrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  return () => {
    waiting++;
    if (waiting === count) resolve();
    return promise;
  };
}

type Fleet = {
  context: FetchContext;
  api: ScriptedSource;
  backend: QueueBackend;
  settings: { kind: string; url?: string };
  /** Of every job that was taken, the attempt it was. */
  attempts: number[];
  startAll(): Promise<void>;
  startWorkers(): void;
};

describe.each(queueTargets())("on $name", (target) => {
  const [database] = databaseTargets() as [DatabaseTarget];
  // Each worker looks into its queue all the time, which an embedded database serves one look after the other.
  const size = target.name === "redis" ? 50 : 5;

  async function fleet(options: ScriptedOptions): Promise<Fleet> {
    const stack = new AsyncDisposableStack();
    open.push(stack);
    const queue = stack.adopt(await target.create(), (created) => created.drop());
    const backend = stack.adopt(await openQueueBackend(queue.settings), (opened) => opened.close());
    const queues = createQueues(backend, { sources: ["scripted"] });
    const { context, api } = await openBench(stack, database, queues, options);
    const attempts: number[] = [];
    const handler = fetchHandler(context);
    const counted: JobHandler<"fetch"> = {
      ...handler,
      handle: (payload, job) => {
        attempts.push(job.attempt);
        return handler.handle(payload, job);
      },
    };
    const startOne = () => {
      return startWorker(backend, {
        queue: fetchQueue("scripted"),
        handlers: { fetch: counted },
        options: { concurrency: 1, attempts: 100, backoff: { initialMs: 1, maxMs: 5 } },
      });
    };
    return {
      context,
      api,
      backend,
      settings: queue.settings,
      attempts,
      startWorkers: () => {
        const workers = Array.from({ length: size }, startOne);
        stack.defer(async () => void (await Promise.all(workers.map((worker) => worker.stop(0)))));
      },
      startAll: async () => {
        await restoreQueueState(context);
        for (const stream of Object.keys(api.source.streams)) await startRun(context, { source: "scripted", stream });
      },
    };
  }

  const requests = (api: ScriptedSource, count: number) =>
    waitUntil(() => api.requests.length >= count, { what: `${count} requests`, timeoutMs: 20_000 });

  test(`${size} workers that meet a 429 send nothing until its Retry-After is over, and spend no attempt`, async () => {
    const together = createBarrier(size);
    const headers = { "retry-after": "2" };
    let refusedAt = 0;
    const { api, attempts, startAll, startWorkers } = await fleet({
      streams: size,
      answer: async (request): Promise<ScriptedAnswer> => {
        if (request > size) return { status: 200 };
        await together();
        refusedAt = Date.now();
        return { status: 429, headers };
      },
    });
    await startAll();
    startWorkers();
    await requests(api, 2 * size);
    const later = api.requests.slice(size);
    // Databases keep milliseconds, cut off.
    expect(Math.min(...later) - refusedAt).toBeGreaterThanOrEqual(2_000 - 2);
    expect(later).toHaveLength(size);
    expect(new Set(attempts)).toEqual(new Set([1]));
  });

  if (target.name === "redis")
    test("a queue that has lost its limits lets no request through before it has them again", async () => {
      const { context, api, startWorkers } = await fleet({
        streams: 6,
        source: { rateLimit: { max: 1, perMs: 2_000 } },
        answer: () => ({ status: 200 }),
      });
      // Nobody has applied them.
      for (const stream of Object.keys(api.source.streams)) await startRun(context, { source: "scripted", stream });
      startWorkers();
      await requests(api, 2);
      expect((api.requests[1] ?? 0) - (api.requests[0] ?? 0)).toBeGreaterThan(1_000);
    });

  test("no request left: the fleet waits for the reset before it is refused", async () => {
    const { api, startAll, startWorkers } = await fleet({
      streams: 3,
      source: { concurrency: 1 },
      answer: (request) => ({
        status: 200,
        headers: { "x-ratelimit-remaining": request === 1 ? "0" : "9", "x-ratelimit-reset": "1" },
      }),
    });
    await startAll();
    startWorkers();
    await requests(api, 3);
    expect((api.requests[1] ?? 0) - (api.requests[0] ?? 0)).toBeGreaterThanOrEqual(1_000 - 2);
  });

  test("an open breaker lets exactly one probe through, and all once that is answered", async () => {
    const together = createBarrier(size);
    const probe = Promise.withResolvers<ScriptedAnswer>();
    const { api, context, startAll, startWorkers } = await fleet({
      streams: size,
      // At the first failure: else one might be tried again before enough others are counted.
      source: { breaker: { failures: 1, openMs: 500, maxOpenMs: 2_000 } },
      answer: async (request) => {
        if (request > size + 1) return { status: 200 };
        if (request === size + 1) return probe.promise;
        await together();
        return { status: 500 };
      },
    });
    await startAll();
    startWorkers();
    await requests(api, size + 1);
    expect((api.requests[size] ?? 0) - (api.requests[size - 1] ?? 0)).toBeGreaterThanOrEqual(500 - 2);
    // Each of the others looks at least once more while the probe is out: every look is a read of the run's state.
    await eachLooksAgain(context, size - 1);
    expect(api.requests).toHaveLength(size + 1);
    probe.resolve({ status: 200 });
    await requests(api, 2 * size);
    expect(await context.store.sourceStates()).toMatchObject([{ breaker: "closed", failures: 0 }]);
  });

  if (target.name === "redis")
    test("a Redis that lost everything: limits come before runs, and the pause holds", async () => {
      const both = createBarrier(2);
      const { api, context, backend, settings, startAll, startWorkers } = await fleet({
        streams: 2,
        source: { concurrency: 7, rateLimit: { max: 3, perMs: 1_000 } },
        stream: { schedule: { everyMs: 3_600_000 } },
        answer: async (request) => {
          if (request > 2) return { status: 200 };
          await both();
          return { status: 429, headers: { "retry-after": "3" } };
        },
      });
      await startAll();
      startWorkers();
      await requests(api, 1);
      const [throttled] = await waitUntil(
        async () => {
          const states = await context.store.sourceStates();
          return states[0]?.throttledUntil ? states : undefined;
        },
        { what: "the pause to be known" },
      );
      await flushRedis(settings.url ?? "");
      const limitsAtFirstJob: unknown[] = [];
      const enqueue: typeof context.queues.enqueue = async (jobs) => {
        if (jobs.length > 0) limitsAtFirstJob.push(await backend.queue(fetchQueue("scripted")).getGlobalConcurrency());
        await context.queues.enqueue(jobs);
      };
      let time = 0;
      const watchdog = createWatchdog(
        { ...context, queues: { ...context.queues, enqueue } },
        { suspicionMs: 1, now: () => time++ },
      );
      const takenOver: string[] = [];
      await waitUntil(async () => takenOver.push(...(await watchdog.look())) >= 2, {
        what: "the lost runs to be found",
      });
      expect(takenOver).toHaveLength(2);
      expect(limitsAtFirstJob).toEqual([7, 7]);
      expect(await context.queues.nextTick("scripted", "s1")).toBeInstanceOf(Date);
      await requests(api, 4);
      expect(api.requests[2]).toBeGreaterThanOrEqual((throttled?.throttledUntil?.getTime() ?? 0) - 2);
    });
});

/** Resolves when the state of a run has been read `times` more times. */
async function eachLooksAgain(context: FetchContext, times: number): Promise<void> {
  const { store } = context;
  const { readRun } = store;
  let reads = 0;
  store.readRun = (runId) => {
    reads++;
    return readRun(runId);
  };
  await waitUntil(() => reads >= times, { what: `${times} looks at the state`, timeoutMs: 20_000 });
  store.readRun = readRun;
}
