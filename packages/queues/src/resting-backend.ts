import { setTimeout as delay } from "node:timers/promises";
import type { IQueueBackend } from "bullmq";

/** How long a worker rests before it asks again; the one whose job ends takes the next at once, so nobody waits for this. */
const restMs = 100;

/** How long after it could not ask. */
const failedRestMs = 1_000;

/**
 * Lets a worker on Postgres rest, which else would ask without end:
 *
 * - while as many jobs of its queue run as may. BullMQ wakes it while a job waits, though the limit on concurrency gives it none:
 *   on the embedded queue, which answers within the process, the jobs that run would never have their turn.
 * - when asking failed. BullMQ waits after what its Redis clients call a failed connection, and after nothing else: not
 *   while Postgres starts, has no connection left, or is behind a proxy that ends what it accepted.
 */
export function restingBackend<B extends IQueueBackend>(backend: B): B {
  const waitForJob: IQueueBackend["waitForJob"] = restAfterFailure(backend.waitForJob.bind(backend));
  const moveToActive: IQueueBackend["moveToActive"] = restAfterFailure(backend.moveToActive.bind(backend));
  backend.waitForJob = async (timeout) => {
    const found = await waitForJob(timeout);
    if (found !== null && (await backend.isMaxed())) await delay(restMs);
    return found;
  };
  backend.moveToActive = moveToActive;
  return backend;
}

/** `rest` before each time that the worker waits for jobs. */
export function restBeforeWaiting(backend: IQueueBackend, rest: () => Promise<void>): IQueueBackend {
  const waitForJob = backend.waitForJob.bind(backend);
  backend.waitForJob = async (timeout) => {
    await rest();
    return await waitForJob(timeout);
  };
  return backend;
}

function restAfterFailure<A extends unknown[], R>(ask: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await ask(...args);
    } catch (error) {
      await delay(failedRestMs);
      throw error;
    }
  };
}
