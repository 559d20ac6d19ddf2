import { setTimeout as delay } from "node:timers/promises";
import { DelayedError, RateLimitError, WaitingError } from "bullmq";
import type { BullJob, BullQueue } from "./backend.ts";

/*
 * BullMQ's ways of giving a job back without spending an attempt. Each moves the job and then throws what tells BullMQ
 * that it was moved; the processor must let that through.
 */

export type ActiveJob = { job: BullJob; token: string; signal: AbortSignal };

/** Back to the queue, for any worker to take at once. */
export async function returnToWaiting({ job, token, signal }: ActiveJob): Promise<never> {
  await insist(() => job.moveToWait(token), signal);
  throw new WaitingError();
}

/** Back to the queue, to be taken after `delayMs`. */
export async function returnDelayed({ job, token, signal }: ActiveJob, delayMs: number): Promise<never> {
  await insist(() => job.moveToDelayed(Date.now() + delayMs, token), signal);
  throw new DelayedError();
}

/** Back to the queue, which stands still on all workers for `pauseMs`, or longer if it was told so before. */
export async function returnThrottled({ signal }: ActiveJob, queue: BullQueue, pauseMs: number): Promise<never> {
  await insist(async () => {
    const pausedMs = await queue.getRateLimitTtl();
    if (pausedMs < pauseMs) await queue.rateLimit(pauseMs);
  }, signal);
  // BullMQ looks at the message, so it must not be wrapped.
  throw new RateLimitError();
}

/**
 * Tries until the server answers: a job that waits for our own infrastructure must not spend an attempt because that,
 * too, is away. What the server refuses (the job is another worker's by now) is not tried again.
 */
async function insist(action: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await action();
      return;
    } catch (error) {
      if (isRefusal(error) || signal.aborted) throw error;
      await delay(500);
    }
  }
}

/** BullMQ numbers its refusals, below zero; drivers have texts for codes. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "number" && error.code < 0;
}
