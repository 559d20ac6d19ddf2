import { setTimeout as delay } from "node:timers/promises";
import type { IQueueBackend } from "bullmq";

/** How long a worker rests before it asks again; the one whose job ends takes the next at once, so nobody waits for this. */
const restMs = 100;

/**
 * Lets a worker rest while as many jobs of its queue run as may. BullMQ's Postgres backend wakes it as long as any job waits,
 * though the limit on concurrency gives it none: it would ask without end, and on the embedded queue, which answers within the
 * process, never let the jobs that run have their turn.
 */
export function restingBackend<B extends IQueueBackend>(backend: B): B {
  const waitForJob: IQueueBackend["waitForJob"] = backend.waitForJob.bind(backend);
  backend.waitForJob = async (timeout) => {
    const found = await waitForJob(timeout);
    if (found !== null && (await backend.isMaxed())) await delay(restMs);
    return found;
  };
  return backend;
}
