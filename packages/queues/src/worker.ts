import { backoffMs } from "@penstock/core/backoff";
import { decide } from "@penstock/core/decision";
import type { BullJob, BullWorker, QueueBackend } from "./backend.ts";
import { maxStalledCount } from "./driver.ts";
import { isAloneId } from "./enqueue.ts";
import { returnToWaiting } from "./job-return.ts";
import { createBinder } from "./job-runner.ts";
import { createOutage, processJob } from "./process-job.ts";
import type { RunningWorker, WorkerDefinition, WorkerOptions } from "./queues.ts";
import { stopWorker, type WorkerState } from "./stop-worker.ts";
import { returnUndelivered } from "./undelivered-jobs.ts";

/** Jobs that lost their worker so often are suspected of having killed it. */
const suspectStalls = 2;

/**
 * Starts taking jobs of a queue. See JobHandler for what handlers may throw, and process-job.ts for what becomes of it.
 */
export function startWorker(backend: QueueBackend, definition: WorkerDefinition): RunningWorker {
  const { queue, options } = definition;
  const state: WorkerState = { isStopping: false, active: 0, handedBack: 0 };
  const process = createProcessor(backend, definition, state);
  const worker = backend.createWorker(queue, process, {
    concurrency: options.concurrency,
    lockDuration: options.lockDurationMs ?? 30_000,
    stalledInterval: options.stalledIntervalMs ?? 15_000,
    maxStalledCount,
    runRetryDelay: 1_000,
    settings: { backoffStrategy: createBackoff(options) },
  });
  worker.on("error", (error) => backend.report(queue, error));
  returnUndelivered(backend, worker, { queue, isStopping: () => state.isStopping });
  worker.on("lockRenewalFailed", (jobIds) => cancelLost(worker, jobIds));
  let stopped: Promise<boolean> | undefined;
  return {
    queue,
    // BullMQ's own loop may end by an error, and takes no job then.
    isRunning: () => !state.isStopping && worker.isRunning(),
    stop: (graceMs) => (stopped ??= stopWorker(worker, state, graceMs)),
  };
}

/** BullMQ gives a signal only to who declares the third parameter, and does not count those with defaults. */
function createProcessor(backend: QueueBackend, { queue, handlers, options }: WorkerDefinition, state: WorkerState) {
  const bind = createBinder(handlers);
  const outage = createOutage();
  return async (job: BullJob, token?: string, bullSignal?: AbortSignal): Promise<void> => {
    const signal = bullSignal ?? new AbortController().signal;
    const active = { job, token: token ?? "", signal };
    state.active++;
    let leave: (() => void) | undefined;
    try {
      // While it closes, BullMQ asks for a job once more, and may get the one that was just handed back.
      if (state.isStopping) return await returnToWaiting(active);
      leave = await backend.gate.enter(isSuspect(job));
      await processJob({
        active,
        bound: bind(job.name, job.data),
        context: { ...contextOf(job, options), signal },
        queue: backend.queue(queue),
        outage,
        onHandedBack: () => void state.handedBack++,
      });
    } finally {
      leave?.();
      state.active--;
    }
  };
}

function contextOf(job: BullJob, options: WorkerOptions) {
  return {
    jobId: job.id ?? "",
    attempt: job.attemptsMade + 1,
    maxAttempts: options.attempts,
    stalls: job.stalledCounter,
  };
}

const isSuspect = (job: BullJob): boolean => job.stalledCounter >= suspectStalls || isAloneId(job.id ?? "");

/** Full jitter, unless the API said when to come back. */
function createBackoff({ backoff }: WorkerOptions) {
  return (attemptsMade: number, _type?: string, error?: Error): number => {
    const decision = decide(error);
    return (decision.action === "retry" ? decision.afterMs : undefined) ?? backoffMs(attemptsMade, backoff);
  };
}

/** A job whose lock is lost is another worker's; what this one still does with it would be in vain. */
function cancelLost(worker: BullWorker, jobIds: string[]): void {
  for (const jobId of jobIds) worker.cancelJob(jobId, "its lock was lost");
}
