import { freePort } from "@penstock/testing/free-port";
import type { TestServer } from "@penstock/testing/server-kinds";
import { canStartOwn, startOwnRedis } from "@penstock/testing/servers";
import { waitUntil } from "@penstock/testing/wait-until";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openQueueBackend } from "./backend.ts";
import { fetchQueue, tickQueue } from "./catalog.ts";
import { createQueues } from "./create-queues.ts";
import { fetchJob } from "./sample-jobs.ts";
import { applySchedule } from "./schedules.ts";
import { applyLimits, createLimitCheck } from "./source-limits.ts";
import { startWorker } from "./worker.ts";

const options = { concurrency: 4, attempts: 3, backoff: { initialMs: 10, maxMs: 20 } };

test("a Redis that nobody listens on is named, within seconds and without its password", async () => {
  const port = await freePort();
  const opening = openQueueBackend({ kind: "redis", url: `redis://:hush@127.0.0.1:${port}` });
  await expect(opening).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
  await expect(opening).rejects.toThrow(`127.0.0.1:${port}`);
  await expect(opening).rejects.not.toThrow("hush");
});

describe.runIf(canStartOwn("redis"))("a Redis", () => {
  let server: TestServer;
  let settings: { kind: "redis"; url: string };
  let redis: Redis;
  beforeAll(async () => {
    server = await startOwnRedis();
    settings = { kind: "redis", url: server.url };
    redis = new Redis(server.url);
    // It is killed below; this client only has to come back.
    redis.on("error", () => undefined);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.close();
  });

  test("that lost its limits, or has others, is given them by who asks; what it said stands for a moment", async () => {
    await using stack = new AsyncDisposableStack();
    const backend = stack.adopt(await openQueueBackend(settings), (opened) => opened.close());
    let time = 0;
    const holds = createLimitCheck(backend, () => time);
    const limits = { concurrency: 2, rateLimit: { max: 10, perMs: 1_000 } };
    const queue = backend.queue(fetchQueue("bound"));
    const others = { ...limits, concurrency: 3 };
    await applyLimits(backend, "bound", others);
    expect([await holds("bound", limits), await queue.getGlobalConcurrency()]).toEqual([false, 2]);
    expect([await holds("bound", limits), await holds("bound", others)]).toEqual([true, false]);
    expect([await holds("bound", limits), await holds("bound", limits)]).toEqual([false, true]);
    await redis.flushall();
    time = 24;
    expect([await holds("bound", limits), await queue.getGlobalConcurrency()]).toEqual([true, null]);
    expect(await holds("unbound", limits)).toBe(false);
    time = 25;
    expect([await holds("bound", limits), await queue.getGlobalConcurrency()]).toEqual([false, 2]);
    expect([await holds("bound", limits), await queue.getGlobalRateLimit()]).toEqual([
      true,
      { max: 10, duration: 1_000 },
    ]);
  });

  test("that may lose jobs is refused with what to set, unless that is allowed", async () => {
    await redis.config("SET", "maxmemory-policy", "allkeys-lru");
    await redis.config("SET", "appendonly", "no");
    const opening = openQueueBackend(settings);
    await expect(opening).rejects.toMatchObject({ code: "QUEUE_MISCONFIGURED" });
    await expect(opening).rejects.toThrow(/allkeys-lru, expected noeviction; appendonly is no, expected yes/);
    const warnings: object[] = [];
    const logger = { warn: (fields: object) => void warnings.push(fields) };
    const backend = await openQueueBackend({ ...settings, allowVolatile: true }, { logger });
    expect(warnings).toHaveLength(1);
    await backend.close();
    await redis.config("SET", "maxmemory-policy", "noeviction");
    await redis.config("SET", "appendonly", "yes");
  });

  test("has no connection left once all is closed, not even one that a worker made anew", async () => {
    const clients = async () =>
      String(await redis.client("LIST"))
        .trim()
        .split("\n").length;
    await waitUntil(async () => (await clients()) === 1, { what: "the connections of former tests to end" });
    const backend = await openQueueBackend(settings);
    const worker = backend.createWorker("renewed", async () => undefined, {});
    await waitUntil(async () => String(await redis.client("LIST")).includes("cmd=bzpopmin"), { what: "it to wait" });
    // Ends the connection that it waits on and connects again, as BullMQ also does when it has waited in vain.
    await worker.pause();
    await worker.abandon();
    await backend.close();
    await waitUntil(async () => (await clients()) === 1, { what: "its connections to end" });
  });

  test("that refuses CONFIG is judged by INFO", async () => {
    await redis.call("ACL", "SETUSER", "plain", "on", ">word", "~*", "&*", "+@all", "-config");
    const url = new URL(server.url);
    Object.assign(url, { username: "plain", password: "word" });
    const backend = await openQueueBackend({ kind: "redis", url: url.href });
    await backend.close();
    await redis.config("SET", "maxmemory-policy", "allkeys-lru");
    await expect(openQueueBackend({ kind: "redis", url: url.href })).rejects.toMatchObject({
      code: "QUEUE_MISCONFIGURED",
    });
    await redis.config("SET", "maxmemory-policy", "noeviction");
  });

  test("a wrong password is told as such and not shown", async () => {
    const url = new URL(server.url);
    Object.assign(url, { username: "plain", password: "hush" });
    const error: unknown = await openQueueBackend({ kind: "redis", url: url.href }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "QUEUE_UNAVAILABLE",
      message: expect.stringMatching(/WRONGPASS|invalid username/),
    });
    expect(JSON.stringify(error, withCause)).not.toContain("hush");
  });

  test("brings back a tick that was lost", async () => {
    const backend = await openQueueBackend(settings);
    const queues = createQueues(backend, { sources: [] });
    const schedule = { everyMs: 60_000, offsetMs: 0 };
    const ticks = async () => (await queues.depths())[0];
    await queues.applySchedule("s", "t", schedule);
    await redis.del("penstock:tick:delayed", "penstock:tick:wait");
    await queues.applySchedule("s", "t", schedule);
    expect(await ticks()).toMatchObject({ waiting: 0, delayed: 0 });
    await applySchedule(backend.queue(tickQueue), { source: "s", stream: "t", schedule }, true, Date.now() + 200_000);
    expect((await ticks())?.delayed).toBe(1);
    await backend.close();
  });

  test("a job that stalled too often fails without running, and can be tried once more, alone", async () => {
    const backend = await openQueueBackend(settings);
    const queues = createQueues(backend, { sources: ["s"] });
    const job = fetchJob("s", { runId: "stalled" });
    await queues.enqueue([job]);
    // What BullMQ writes when it finds it stalled for the sixth time.
    await redis.hset(`penstock:fetch.s:${job.jobId}`, { stc: 6, defa: "job stalled more than allowable limit" });
    const handled: string[] = [];
    const handle = async (_: unknown, { jobId }: { jobId: string }) => void handled.push(jobId);
    const worker = startWorker(backend, {
      queue: fetchQueue("s"),
      handlers: { fetch: { handle, settle: async () => undefined } },
      options,
    });
    const [failed] = await waitUntil(
      async () => {
        const found = await Array.fromAsync(queues.failedJobs());
        return found.length > 0 && found;
      },
      { what: "it to fail" },
    );
    expect(failed).toMatchObject({
      stalls: 6,
      reason: "job stalled more than allowable limit",
      isFirstFailure: true,
      payload: job.payload,
    });
    expect(handled).toEqual([]);
    await failed?.retry();
    await failed?.remove();
    await waitUntil(() => handled.length === 1, { what: "it to run" });
    expect(await Array.fromAsync(queues.failedJobs())).toEqual([]);
    await worker.stop(1_000);
    await backend.close();
  });

  test("a job that lost its worker twice runs with no other beside it", async () => {
    const backend = await openQueueBackend(settings);
    const queues = createQueues(backend, { sources: ["alone"] });
    const jobs = Array.from({ length: 12 }, (_, seq) => fetchJob("alone", { seq }));
    await queues.enqueue(jobs);
    await redis.hset(`penstock:fetch.alone:${jobs[5]?.jobId}`, { stc: 2 });
    let running = 0;
    const beside = new Map<number, number>();
    const handle = async ({ seq }: { seq: number }) => {
      running++;
      for (let turn = 0; turn < 20; turn++) {
        beside.set(seq, Math.max(beside.get(seq) ?? 0, running - 1));
        await new Promise((resolve) => setImmediate(resolve));
      }
      running--;
    };
    const worker = startWorker(backend, {
      queue: fetchQueue("alone"),
      handlers: { fetch: { handle, settle: async () => undefined } },
      options,
    });
    await waitUntil(() => beside.size === jobs.length && running === 0, { what: "all jobs to run" });
    expect(beside.get(5)).toBe(0);
    expect(Math.max(...beside.values())).toBeGreaterThan(0);
    await worker.stop(1_000);
    await backend.close();
  });

  test("that is killed under running jobs loses none of them and spends no attempt", async () => {
    const backend = await openQueueBackend(settings);
    const queues = createQueues(backend, { sources: ["outage"] });
    const seen = new Map<number, number>();
    const attempts = new Set<number>();
    const { promise: back, resolve: isBack } = Promise.withResolvers<void>();
    const handle = async ({ seq }: { seq: number }, { attempt }: { attempt: number }) => {
      attempts.add(attempt);
      await back;
      seen.set(seq, (seen.get(seq) ?? 0) + 1);
    };
    await queues.enqueue(Array.from({ length: 20 }, (_, seq) => fetchJob("outage", { seq })));
    const worker = startWorker(backend, {
      queue: fetchQueue("outage"),
      handlers: { fetch: { handle, settle: async () => undefined } },
      options,
    });
    await waitUntil(async () => (await queues.depths())[1]?.active === 4, { what: "jobs to run" });
    await server.kill();
    isBack();
    await waitUntil(() => seen.size === 4, { what: "the running ones to be done" });
    await server.start();
    await waitUntil(() => seen.size === 20, { what: "all jobs to be done" });
    await waitUntil(
      async () => {
        const { waiting, active, delayed } = (await queues.depths())[1] ?? {};
        return waiting === 0 && active === 0 && delayed === 0;
      },
      { what: "the queue to be empty" },
    );
    expect([...attempts]).toEqual([1]);
    expect(await Array.fromAsync(queues.failedJobs())).toEqual([]);
    expect(await worker.stop(1_000)).toBe(true);
    await backend.close();
  });
});

/** Errors hide their fields from JSON. */
function withCause(_key: string, value: unknown): unknown {
  return value instanceof Error ? { ...value, message: value.message, stack: value.stack, cause: value.cause } : value;
}
