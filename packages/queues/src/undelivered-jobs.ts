import { setTimeout as delay } from "node:timers/promises";
import type { BullWorker, QueueBackend } from "./backend.ts";
import type { HeldLock } from "./driver.ts";

/** Time for an answer that is only late. */
const lookEveryMs = 1_000;
/** Looks that the server answered since the last trouble; what a job is given back upon is seen by two. */
const looksAfterTrouble = 3;

export type UndeliveredOptions = { queue: string; isStopping(): boolean };

/**
 * Gives back the jobs that a worker was handed and never got: those whose answer was on its way when the connection broke. To the
 * server they are this worker's, and without this they would wait until their locks are over and another look finds them
 * stalled: half a minute, in which their run stands still.
 *
 * A job whose answer is not lost but later than a second comes to run twice, as one does whose lock was lost; the page transaction
 * takes that.
 */
export function returnUndelivered(backend: QueueBackend, worker: BullWorker, options: UndeliveredOptions): void {
  let looksLeft = 0;
  const seeTrouble = () => {
    if (options.isStopping()) return;
    const isLooking = looksLeft > 0;
    looksLeft = looksAfterTrouble;
    if (!isLooking) void keepLooking();
  };

  async function keepLooking(): Promise<void> {
    let suspected: readonly HeldLock[] = [];
    for (; looksLeft > 0 && !options.isStopping(); ) {
      await delay(lookEveryMs, undefined, { ref: false });
      try {
        const missing = (await backend.locksOf(options.queue, worker.id)).filter(({ jobId }) => !worker.runs(jobId));
        const lost = missing.filter(({ jobId, token }) =>
          suspected.some((other) => other.jobId === jobId && other.token === token),
        );
        for (const { jobId, token } of lost) await giveBack(jobId, token);
        suspected = missing;
        looksLeft -= 1;
      } catch (error) {
        // While the server is away; its return is what is waited for.
        backend.report(options.queue, error);
      }
    }
    looksLeft = 0;
  }

  const giveBack = (jobId: string, token: string) =>
    backend.queue(options.queue).getBackend().moveJobFromActiveToWait(jobId, token);

  worker.on("error", seeTrouble);
  worker.on("ioredis:close", seeTrouble);
}
