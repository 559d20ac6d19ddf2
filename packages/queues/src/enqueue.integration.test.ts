import { InfrastructureError } from "@penstock/core/errors";
import { queueTargets } from "@penstock/testing/databases";
import type { TestServer } from "@penstock/testing/server-kinds";
import { canStartOwn, startOwnPostgres, startOwnRedis } from "@penstock/testing/servers";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openQueueBackend, type QueueBackend } from "./backend.ts";
import { createQueues } from "./create-queues.ts";
import { type OpenedQueue, openTarget } from "./opened-queue.ts";
import type { NewJob } from "./queues.ts";
import { fetchJob, transformJob } from "./sample-jobs.ts";

/*
 * Enqueueing adds every job or throws. Each test makes a backend of which BullMQ's producer answers as if all were
 * well, or not at all, and then looks at what was added.
 */

const jobs = (seq: number): NewJob[] => [transformJob("s", { seq }), { ...fetchJob("s", { seq }), delayMs: 60_000 }];

async function expectUnavailable(attempt: Promise<void>): Promise<void> {
  const error: unknown = await attempt.then(
    () => "resolved",
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InfrastructureError);
  expect(error).toMatchObject({ code: "QUEUE_UNAVAILABLE" });
}

describe.each(queueTargets())("enqueueing on $name", (target) => {
  let opened: OpenedQueue;
  beforeAll(async () => {
    opened = await openTarget(target);
  });

  test("throws once the backend is closed", async () => {
    const queues = opened.queues({ sources: ["s"], timeoutMs: 1_000 });
    await queues.enqueue(jobs(0));
    const closing = opened.close();
    await expectUnavailable(queues.enqueue(jobs(1)));
    await closing;
    await expectUnavailable(queues.enqueue(jobs(2)));
  });
});

describe.runIf(canStartOwn("redis"))("enqueueing on a Redis", () => {
  let server: TestServer;
  let backend: QueueBackend;
  const depths = async () =>
    (await createQueues(backend, { sources: ["s"] }).depths()).map(({ waiting, delayed }) => waiting + delayed);
  beforeAll(async () => {
    server = await startOwnRedis();
    backend = await openQueueBackend({ kind: "redis", url: server.url });
  });
  afterAll(async () => {
    await backend.close();
    await server.close();
  });

  test("that lost its scripts: adds all jobs", async () => {
    const queues = createQueues(backend, { sources: ["s"] });
    await queues.enqueue(jobs(0));
    const before = await depths();
    const redis = new Redis(server.url);
    await redis.script("FLUSH");
    await redis.quit();
    await queues.enqueue(jobs(1));
    expect((await depths()).map((count, index) => count - (before[index] ?? 0))).toEqual([0, 1, 1, 0]);
  });

  test("that is full: throws, and adds none", async () => {
    const queues = createQueues(backend, { sources: ["s"] });
    const before = await depths();
    const redis = new Redis(server.url);
    await redis.config("SET", "maxmemory", "1mb");
    await expectUnavailable(queues.enqueue(jobs(10)));
    await redis.config("SET", "maxmemory", "0");
    await redis.quit();
    expect(await depths()).toEqual(before);
  });

  test("that was killed: throws in bounded time; works when it is back, with what was there", async () => {
    const queues = createQueues(backend, { sources: ["s"], timeoutMs: 800 });
    await queues.enqueue(jobs(20));
    const before = await depths();
    await server.kill();
    await expectUnavailable(queues.enqueue(jobs(21)));
    await expectUnavailable(queues.runsWithJobs([{ source: "s", runId: "run" }]).then(() => undefined));
    await expect(queues.ping()).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
    await server.start();
    await createQueues(backend, { sources: ["s"] }).enqueue(jobs(21));
    // The attempt that was given up may have come through late; its ids were the same.
    expect((await depths()).map((count, index) => count - (before[index] ?? 0))).toEqual([0, 1, 1, 0]);
  });
});

describe.runIf(canStartOwn("postgres"))("enqueueing on a Postgres", () => {
  test("that was killed: throws; works when it is back", async () => {
    const server = await startOwnPostgres();
    const backend = await openQueueBackend({ kind: "postgres", url: server.url });
    const queues = createQueues(backend, { sources: ["s"] });
    await queues.enqueue(jobs(0));
    await server.kill();
    await expectUnavailable(queues.enqueue(jobs(1)));
    await server.start();
    await queues.enqueue(jobs(1));
    expect((await queues.depths()).map(({ waiting, delayed }) => waiting + delayed)).toEqual([0, 2, 2, 0]);
    await backend.close();
    await server.close();
  });
});
