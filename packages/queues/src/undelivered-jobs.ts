import { setTimeout as delay } from "node:timers/promises";
import type { BullWorker, QueueBackend } from "./backend.ts";
import type { HeldLock } from "./driver.ts";

/** Time for an answer that is only late. */
const lookEveryMs = 1_000;
/** Looks that the server answered since the last trouble. */
const looksAfterTrouble = 3;

export type UndeliveredOptions = { queue: string; isStopping(): boolean };

/**
 * Gives back the jobs that a worker was handed and never got: those whose answer was on its way when the connection broke. To the
 * server they are this worker's, and without this they would wait until their locks are over and another look finds them
 * stalled: half a minute, in which their run stands still. What two looks in a row find missing is given back, once: what is missing
 * again soon is left to the stalled check, which counts.
 *
 * A job whose answer is not lost but later than a second comes to run twice, as one does whose lock was lost; the page transaction
 * takes that.
 */
export function returnUndelivered(backend: QueueBackend, worker: BullWorker, options: UndeliveredOptions): void {
  let looksLeft = 0;
  const seeTrouble = () => {
    const isLooking = looksLeft > 0;
    looksLeft = looksAfterTrouble;
    if (!isLooking) void keepLooking();
  };

  async function keepLooking(): Promise<void> {
    const returned = new Set<string>();
    let suspected: readonly HeldLock[] = [];
    while (looksLeft > 0) {
      await delay(lookEveryMs, undefined, { ref: false });
      if (options.isStopping()) break;
      const missing = await findMissing();
      const lost = missing?.filter(
        (lock) => !returned.has(lock.jobId) && suspected.some((other) => isSame(lock, other)),
      );
      for (const lock of lost ?? []) {
        returned.add(lock.jobId);
        await giveBack(lock);
      }
      suspected = missing ?? [];
      if (missing !== undefined) looksLeft -= 1;
    }
    looksLeft = 0;
  }

  /** `undefined` while the server is away: its return is what is waited for. */
  async function findMissing(): Promise<HeldLock[] | undefined> {
    try {
      return (await backend.locksOf(options.queue, worker.id)).filter((lock) => !worker.holds(lock));
    } catch (error) {
      backend.report(options.queue, error);
      return undefined;
    }
  }

  async function giveBack({ jobId, token }: HeldLock): Promise<void> {
    try {
      await backend.queue(options.queue).getBackend().moveJobFromActiveToWait(jobId, token);
    } catch (error) {
      // Another's by now, or the server is away once more: then its lock's end gives it back.
      backend.report(options.queue, error);
    }
  }

  worker.on("error", seeTrouble);
  worker.on("ioredis:close", seeTrouble);
}

const isSame = (one: HeldLock, other: HeldLock) => one.jobId === other.jobId && one.token === other.token;
