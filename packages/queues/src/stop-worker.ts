import { setTimeout as delay } from "node:timers/promises";
import type { BullWorker } from "./backend.ts";

export type WorkerState = {
  isStopping: boolean;
  /** Jobs whose handlers are running. */
  active: number;
  /** Jobs that went back to the queue unfinished because the worker stopped. */
  handedBack: number;
};

/** For BullMQ to tell its server what became of the last jobs, and for handlers to heed their signal. */
const answerMs = 5_000;
const lookEveryMs = 50;

/**
 * Takes no more jobs, waits up to `graceMs` for the running ones, then aborts their signals, upon which they hand
 * themselves back. BullMQ's own closing waits for its server without end, so it is left behind when it does not come to
 * one: its jobs are taken for stalled later.
 */
export async function stopWorker(worker: BullWorker, state: WorkerState, graceMs: number): Promise<boolean> {
  state.isStopping = true;
  let isClosed = false;
  const closing = worker.close().then(() => {
    isClosed = true;
  });
  await waitFor(closing, () => state.active === 0, graceMs);
  if (!isClosed && state.active > 0) {
    worker.cancelAllJobs("the worker is stopping");
    await waitFor(closing, () => state.active === 0, answerMs);
  }
  if (!isClosed) await worker.abandon();
  return isClosed && state.handedBack === 0;
}

/** Until closed, but no longer than `limitMs`, and `answerMs` from when no job runs any more. */
async function waitFor(closing: Promise<void>, isIdle: () => boolean, limitMs: number): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const end = closing.finally(() => controller.abort());
  await Promise.race([end, giveUp(isIdle, limitMs, signal)]);
  controller.abort();
}

async function giveUp(isIdle: () => boolean, limitMs: number, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  while (!signal.aborted && !isIdle() && performance.now() - startedAt < limitMs) await pause(lookEveryMs, signal);
  if (isIdle() && !signal.aborted) await pause(answerMs, signal);
}

/** Ends early, without an error, when aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
