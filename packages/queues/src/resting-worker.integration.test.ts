import { queueTargets } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type OpenedQueue, openTarget } from "./opened-queue.ts";
import { fetchJob } from "./sample-jobs.ts";

const options = { concurrency: 3, attempts: 1, backoff: { initialMs: 10, maxMs: 20 } };
const limits = { concurrency: 5, rateLimit: { max: 10_000, perMs: 1_000 } };
const settle = async () => undefined;

describe.each(queueTargets())("a worker on $name that has a job at work", (target) => {
  let opened: OpenedQueue;
  beforeEach(async () => {
    opened = await openTarget(target);
    await opened.queues().applyLimits("s", limits);
  });
  afterEach(() => opened.close());

  test("takes the next of a chain along, and looks for others now and then", async () => {
    let rests = 0;
    const { createWorker } = opened.backend;
    opened.backend.createWorker = (...given) => {
      const worker = createWorker(...given);
      const rest = worker.rest.bind(worker);
      worker.rest = () => {
        rests += 1;
        return rest();
      };
      return worker;
    };
    const last = 50;
    const ended = Promise.withResolvers<void>();
    const handle = async ({ seq }: { seq: number }) => {
      if (seq === last) ended.resolve();
      else await opened.queues().enqueue([fetchJob("s", { seq: seq + 1 })]);
    };
    opened.start("s", { handlers: { fetch: { handle, settle } }, options });
    const startedAt = performance.now();
    await opened.queues().enqueue([fetchJob("s", { seq: 0 })]);
    await ended.promise;
    // Twice for each job, it was.
    expect(rests).toBeLessThan(10 + (performance.now() - startedAt) / 50);
  });

  test("starts another that comes while that one goes on", async () => {
    const begun: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const handle = async ({ seq }: { seq: number }) => {
      begun.push(seq);
      await promise;
    };
    opened.start("s", { handlers: { fetch: { handle, settle } }, options });
    for (const seq of [0, 1, 2]) {
      await opened.queues().enqueue([fetchJob("s", { seq })]);
      await waitUntil(() => begun.length === seq + 1, { what: `job ${seq} to begin`, timeoutMs: 5_000 });
    }
    resolve();
    await waitUntil(async () => (await opened.depthOf("s"))?.active === 0, { what: "all to end" });
  });
});
