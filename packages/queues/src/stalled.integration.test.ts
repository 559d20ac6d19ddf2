import { queueTargets } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { describe, expect, test } from "vitest";
import { openQueueBackend } from "./backend.ts";
import { fetchQueue } from "./catalog.ts";
import { createQueues } from "./create-queues.ts";
import { holdJobs } from "./held-process.ts";
import type { JobContext } from "./queues.ts";
import { fetchJob } from "./sample-jobs.ts";
import { startWorker } from "./worker.ts";

const backoff = { initialMs: 10, maxMs: 20 };

// The embedded queue has one process only: see embedded.integration.test.ts.
const targets = queueTargets().filter(({ name }) => name !== "embedded");

describe.runIf(targets.length > 0)("a killed worker", () => {
  test.each(targets)("on $name loses its job to another, which spends no attempt on it", async (target) => {
    const { settings, drop } = await target.create();
    const backend = await openQueueBackend(settings);
    const queues = createQueues(backend, { sources: ["s"] });
    await queues.enqueue([fetchJob("s")]);
    const killed = holdJobs(settings, fetchQueue("s"));
    await killed.heard("active");
    const contexts: JobContext[] = [];
    const handle = async (_: unknown, context: JobContext) => void contexts.push(context);
    const worker = startWorker(backend, {
      queue: fetchQueue("s"),
      handlers: { fetch: { handle, settle: async () => undefined } },
      options: { concurrency: 1, attempts: 3, backoff, lockDurationMs: 1_000, stalledIntervalMs: 200 },
    });
    await killed.kill();
    expect(contexts).toEqual([]);
    await waitUntil(() => contexts.length === 1, { what: "the other to take it" });
    expect(contexts[0]).toMatchObject({ attempt: 1, stalls: 1 });
    await worker.stop(2_000);
    expect((await queues.depths())[1]).toMatchObject({ waiting: 0, active: 0, failed: 0 });
    await backend.close();
    await drop();
  });
});
