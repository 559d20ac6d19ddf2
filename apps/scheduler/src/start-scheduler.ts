import { tickHandler } from "@penstock/pipeline/handlers";
import { restoreQueueState } from "@penstock/pipeline/restore";
import { startFirstRuns } from "@penstock/pipeline/start-run";
import { tickQueue } from "@penstock/queues/catalog";
import type { RunningWorker } from "@penstock/queues/queues";
import { startWorker } from "@penstock/queues/worker";
import { startLoop } from "@penstock/runtime/loop";
import type { Runtime } from "@penstock/runtime/open-runtime";
import { startUpkeep } from "@penstock/runtime/upkeep";

/**
 * Keeps the schedules, starts runs when they are due, supersedes runs that lost their jobs, settles jobs whose workers
 * died. Running it twice does no harm: each of these is a compare-and-swap in the database or idempotent in the queue.
 */
export async function startScheduler(runtime: Runtime, stack: AsyncDisposableStack): Promise<RunningWorker[]> {
  const { context, backend, config, locks, pace } = runtime;
  // Before the watchdog restarts any run, the queue must know the limits again that it may have lost.
  await restoreQueueState(context);
  stack.use(startLoop("restore", pace.restoreMs, () => restoreQueueState(context), context.logger));
  await startFirstRuns(context);
  startUpkeep(context, stack, pace);
  const ticks = startWorker(backend, {
    queue: tickQueue,
    handlers: { tick: tickHandler(context) },
    options: { concurrency: 4, attempts: 1, backoff: { initialMs: 1_000, maxMs: 30_000 }, ...locks },
  });
  stack.defer(async () => void (await ticks.stop(config.shutdownGraceMs)));
  return [ticks];
}
