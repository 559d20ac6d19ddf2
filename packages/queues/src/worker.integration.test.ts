import {
  CancelledError,
  ConfigError,
  InfrastructureError,
  InvalidRecordError,
  PermanentError,
  ThrottledError,
  TransientError,
} from "@penstock/core/errors";
import { queueTargets } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchQueue, type JobPayloads } from "./catalog.ts";
import { jobOptions } from "./job-options.ts";
import { type OpenedQueue, openTarget } from "./opened-queue.ts";
import type { JobContext, JobOutcome } from "./queues.ts";
import { fetchJob } from "./sample-jobs.ts";

/* One test per row of the table in process-job.ts: what the handler throws, and what becomes of the job. */

const options = { concurrency: 1, attempts: 3, backoff: { initialMs: 10, maxMs: 20 } };

describe.each(queueTargets())("jobs on $name", (target) => {
  let opened: OpenedQueue;
  beforeAll(async () => {
    opened = await openTarget(target);
  });
  afterAll(() => opened.close());

  /** Runs one job of a source of its own; `act` is asked with the number of the call, 1 for the first. */
  async function run(
    source: string,
    act: (call: number) => JobOutcome | Promise<JobOutcome>,
    settleAct: (call: number) => void = () => undefined,
  ) {
    const calls: JobContext[] = [];
    const settled: { payload: JobPayloads["fetch"]; error: unknown }[] = [];
    const job = fetchJob(source);
    await opened.queues().applyLimits(source, { concurrency: 5, rateLimit: { max: 1_000, perMs: 1_000 } });
    await opened.queues().enqueue([job]);
    const handle = async (_payload: JobPayloads["fetch"], context: JobContext) => await act(calls.push(context));
    const settle = async (payload: JobPayloads["fetch"], error: unknown) => settleAct(settled.push({ payload, error }));
    opened.start(source, { handlers: { fetch: { handle, settle } }, options });
    const becomes = (state: string) =>
      waitUntil(async () => (await opened.stateOf(source, job.jobId)) === state, {
        what: `the job to be ${state}`,
        timeoutMs: 20_000,
      });
    const attempts = () => calls.map(({ attempt }) => attempt);
    const stored = async () => await opened.backend.queue(fetchQueue(source)).getJob(job.jobId);
    return { calls, settled, job, becomes, attempts, stored };
  }

  const throwing = (error: unknown) => () => {
    throw error;
  };

  /** Throws `error` at the first `times` calls. */
  const first = (times: number, error: Error) => (call: number) => {
    if (call <= times) throw error;
  };

  test("one that returns is over", async () => {
    const { calls, settled, job, becomes } = await run("fine", () => undefined);
    await becomes("gone");
    expect(calls).toMatchObject([{ jobId: job.jobId, attempt: 1, maxAttempts: 3, stalls: 0 }]);
    expect(settled).toEqual([]);
  });

  test("TransientError: tried again, which spends an attempt", async () => {
    const { attempts, settled, becomes } = await run("transient", first(2, new TransientError("TIMEOUT", "slow")));
    await becomes("gone");
    expect(attempts()).toEqual([1, 2, 3]);
    expect(settled).toEqual([]);
  });

  test("TransientError with Retry-After: delayed that long", async () => {
    const error = new TransientError("SERVER_ERROR", "down for a while", { retryAfterMs: 60_000 });
    const { becomes, stored } = await run("later", throwing(error));
    await becomes("delayed");
    expect(await stored()).toMatchObject({ delay: 60_000, attemptsMade: 1 });
  });

  test("the last attempt: settled with the cause named, then over", async () => {
    const { attempts, settled, job, becomes } = await run(
      "exhausted",
      throwing(new TransientError("TIMEOUT", "slow", { stream: "items" })),
    );
    await becomes("gone");
    expect(attempts()).toEqual([1, 2, 3]);
    expect(settled).toMatchObject([
      { payload: job.payload, error: { code: "ATTEMPTS_EXHAUSTED", details: { stream: "items" } } },
    ]);
    expect(String(settled[0]?.error)).toContain("TIMEOUT: slow");
  });

  test("an error of nobody's: tried again, then settled", async () => {
    const { attempts, settled, becomes } = await run("bug", throwing(new TypeError("x is not a function")));
    await becomes("gone");
    expect(attempts()).toEqual([1, 2, 3]);
    expect(settled).toMatchObject([
      { error: { code: "ATTEMPTS_EXHAUSTED", cause: { message: "x is not a function" } } },
    ]);
  });

  test.each([
    new PermanentError("NOT_FOUND", "gone"),
    new InvalidRecordError("KEY_MISSING", "no key"),
    new ConfigError("SOURCE_INVALID", "no such stream"),
  ])("$name: settled at once, then over", async (error) => {
    const { attempts, settled, job, becomes } = await run(error.name, throwing(error));
    await becomes("gone");
    expect(attempts()).toEqual([1]);
    expect(settled).toEqual([{ payload: job.payload, error }]);
  });

  test("CancelledError: over, and nothing to settle", async () => {
    const { attempts, settled, becomes } = await run("cancelled", throwing(new CancelledError("CANCELLED", "enough")));
    await becomes("gone");
    expect([attempts(), settled]).toEqual([[1], []]);
  });

  test("InfrastructureError: waits as often as needed, without spending attempts", async () => {
    const { attempts, settled, becomes, stored } = await run(
      "outage",
      first(2, new InfrastructureError("DATABASE_UNAVAILABLE", "away")),
    );
    await becomes("delayed");
    expect((await stored())?.attemptsMade).toBe(0);
    await becomes("gone");
    expect([attempts(), settled]).toEqual([[1, 1, 1], []]);
  });

  test("ThrottledError: the queue stands still on all workers, and no attempt is spent", async () => {
    const source = "throttled";
    const calls: { at: number; seq: number; attempt: number }[] = [];
    const worker = () => ({
      options,
      handlers: {
        fetch: {
          handle: async ({ seq }: JobPayloads["fetch"], { attempt }: JobContext) => {
            if (calls.push({ at: Date.now(), seq, attempt }) === 1)
              throw new ThrottledError("429", { retryAfterMs: 1_500 });
          },
          settle: async () => undefined,
        },
      },
    });
    const depthOf = async (name: string) => {
      const depths = await opened.queues({ sources: [name] }).depths();
      return depths.find(({ queue }) => queue === fetchQueue(name)) ?? { active: -1 };
    };
    await opened.queues().applyLimits(source, { concurrency: 5, rateLimit: { max: 1_000, perMs: 1_000 } });
    opened.start(source, worker());
    opened.start(source, worker());
    await opened.queues().enqueue([fetchJob(source)]);
    await waitUntil(() => calls.length === 1, { what: "the first call" });
    // A worker that was asking for a job just then is not held back: it may take this one. What comes now waits.
    await waitUntil(async () => (await depthOf(source)).active === 0, { what: "the throttled job to be back" });
    await opened.queues().enqueue([1, 2, 3, 4].map((seq) => fetchJob(source, { seq })));
    await waitUntil(() => calls.length === 6, { what: "all jobs to be done" });
    const [throttledAt = 0] = calls.map(({ at }) => at);
    const others = calls.filter(({ seq }) => seq > 0).map(({ at }) => at - throttledAt);
    expect(others).toHaveLength(4);
    expect(Math.min(...others)).toBeGreaterThan(1_300);
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  test("not now: comes back after the time it asked for, without spending an attempt", async () => {
    const { attempts, calls, becomes, stored } = await run("deferred", (call) =>
      call === 1 ? { deferMs: 700 } : undefined,
    );
    await becomes("delayed");
    expect(await stored()).toMatchObject({ delay: 700, attemptsMade: 0 });
    await becomes("gone");
    expect([attempts(), calls.length]).toEqual([[1, 1], 2]);
  });

  test("settling waits for infrastructure too", async () => {
    const { settled, becomes } = await run(
      "unsettled",
      throwing(new PermanentError("NOT_FOUND", "gone")),
      first(1, new InfrastructureError("DATABASE_BUSY", "busy")),
    );
    await becomes("delayed");
    await becomes("gone");
    expect(settled).toHaveLength(2);
  });

  test("one that cannot be settled fails, is found, is tried once more alone, and can be removed", async () => {
    const source = "stubborn";
    const { calls, job, becomes } = await run(
      source,
      throwing(new PermanentError("NOT_FOUND", "gone")),
      throwing(new TypeError("bug in settle")),
    );
    await becomes("failed");
    const queues = opened.queues({ sources: [source] });
    const [failed] = await Array.fromAsync(queues.failedJobs());
    expect(failed).toMatchObject({ type: "fetch", payload: job.payload, jobId: job.jobId, isFirstFailure: true });
    expect(failed?.reason).toMatch(/bug in settle.*gone/);
    expect(await queues.runsWithJobs([job.payload])).toEqual(new Set([job.payload.runId]));
    await failed?.retry();
    await failed?.remove();
    const again = await waitUntil(
      async () => (await Array.fromAsync(queues.failedJobs())).find((one) => !one.isFirstFailure),
      {
        what: "it to fail again",
      },
    );
    expect([calls.length, (await Array.fromAsync(queues.failedJobs())).length]).toEqual([2, 1]);
    await again.remove();
    expect(await opened.depthOf(source)).toMatchObject({ waiting: 0, failed: 0 });
  });

  test("a queue knows who works on it, and whether anybody does where jobs are due", async () => {
    const source = "known";
    const queues = opened.queues({ sources: [source] });
    const ofSource = async (dueForMs: number) =>
      (await queues.unattended(dueForMs)).filter(({ queue }) => queue === fetchQueue(source));
    await queues.enqueue([{ ...fetchJob(source), delayMs: 60_000 }]);
    expect(await ofSource(0)).toEqual([]);
    await queues.enqueue([1, 2].map((seq) => fetchJob(source, { seq })));
    expect(await ofSource(0)).toEqual([{ queue: fetchQueue(source), dueForMs: expect.any(Number) }]);
    expect(await ofSource(60_000)).toEqual([]);

    const count = () => opened.backend.queue(fetchQueue(source)).getWorkersCount();
    expect(await count()).toBe(0);
    const held = Promise.withResolvers<void>();
    const handlers = { fetch: { handle: () => held.promise, settle: async () => undefined } };
    const worker = opened.start(source, { handlers, options });
    await waitUntil(async () => (await count()) === 1, { what: "the worker to be seen" });
    expect((await opened.depthOf(source))?.waiting).toBeGreaterThan(0);
    expect(await ofSource(0)).toEqual([]);
    held.resolve();
    await worker.stop(5_000);
    await waitUntil(async () => (await count()) === 0, { what: "the worker to be gone" });
  });

  test("a job that was put off is due when its time has come", async () => {
    const source = "late";
    const queues = opened.queues({ sources: [source] });
    await queues.enqueue([{ ...fetchJob(source), delayMs: 300 }]);
    expect(await queues.unattended(0)).not.toContainEqual(expect.objectContaining({ queue: fetchQueue(source) }));
    const found = await waitUntil(
      async () => (await queues.unattended(0)).find(({ queue }) => queue === fetchQueue(source)),
      { what: "the job to be due" },
    );
    expect(found.dueForMs).toBeLessThan(10_000);
  });

  test("all that failed are found, also behind many that stay", async () => {
    const source = "crowded";
    const queues = opened.queues({ sources: [source] });
    const jobs = Array.from({ length: 230 }, (_, seq) => fetchJob(source, { seq }));
    await queues.enqueue(jobs);
    const handlers = {
      fetch: { handle: throwing(new PermanentError("NOT_FOUND", "gone")), settle: throwing(new TypeError("bug")) },
    };
    const worker = opened.start(source, { handlers, options: { ...options, concurrency: 20 } });
    await waitUntil(async () => (await opened.depthOf(source))?.failed === jobs.length, {
      what: "all to fail",
      timeoutMs: 30_000,
    });
    await worker.stop(1_000);
    const found: string[] = [];
    for await (const job of queues.failedJobs()) if (found.push(job.jobId) > 120) await job.remove();
    expect(new Set(found)).toEqual(new Set(jobs.map(({ jobId }) => jobId)));
    expect(found).toHaveLength(jobs.length);
    expect((await Array.fromAsync(queues.failedJobs())).length).toBe(120);
  });

  test("a payload that cannot be read is settled as it is", async () => {
    const source = "garbled";
    const settled: unknown[] = [];
    const settle = async (payload: unknown, error: unknown) => void settled.push({ payload, error });
    opened.start(source, { handlers: { fetch: { handle: async () => undefined, settle } }, options });
    await opened.backend
      .queue(fetchQueue(source))
      .add("fetch", { garbled: true }, { ...jobOptions("fetch", false), jobId: "F_x_0_y" });
    await waitUntil(() => settled.length > 0, { what: "it to be settled" });
    expect(settled).toMatchObject([{ payload: { garbled: true }, error: { code: "PAYLOAD_UNREADABLE" } }]);
  });

  test("a job of a type nobody here knows waits for who does", async () => {
    const source = "newer";
    opened.start(source, { handlers: {}, options });
    await opened.backend
      .queue(fetchQueue(source))
      .add("teleport", {}, { ...jobOptions("fetch", false), jobId: "F_x_0_y" });
    await waitUntil(async () => (await opened.stateOf(source, "F_x_0_y")) === "delayed", { what: "it to wait" });
    expect((await opened.backend.queue(fetchQueue(source)).getJob("F_x_0_y"))?.attemptsMade).toBe(0);
  });
});
