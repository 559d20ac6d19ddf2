import { startBackfillWindows } from "@penstock/pipeline/backfills";
import { tickHandler } from "@penstock/pipeline/handlers";
import { restoreQueueState } from "@penstock/pipeline/restore";
import { startChildren } from "@penstock/pipeline/start-children";
import { startFirstRuns } from "@penstock/pipeline/start-run";
import { tickQueue } from "@penstock/queues/catalog";
import type { RunningWorker } from "@penstock/queues/queues";
import { startWorker } from "@penstock/queues/worker";
import { startLoop } from "@penstock/runtime/loop";
import { observeState } from "@penstock/runtime/observe";
import type { Runtime } from "@penstock/runtime/open-runtime";
import { startUpkeep } from "@penstock/runtime/upkeep";

/** A child stream has at most so many live runs at once as its source is kept busy with; when some end others begin. */
const startChildrenEveryMs = 250;
const retentionEveryMs = 3_600_000;

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
  observeState(context);
  stack.use(startLoop("children", startChildrenEveryMs, () => startChildren(context), context.logger));
  stack.use(startLoop("backfills", startChildrenEveryMs, () => startBackfillWindows(context), context.logger));
  stack.use(startLoop("retention", retentionEveryMs, () => prune(runtime), context.logger));
  const ticks = startWorker(backend, {
    queue: tickQueue,
    handlers: { tick: tickHandler(context) },
    options: { concurrency: 4, attempts: 1, backoff: { initialMs: 1_000, maxMs: 30_000 }, ...locks },
  });
  stack.defer(async () => void (await ticks.stop(config.shutdownGraceMs)));
  return [ticks];
}

async function prune({ context: { store, logger }, config }: Runtime): Promise<void> {
  const pruned = await store.prune(config.keep);
  if (Object.values(pruned).some((count) => count > 0)) logger.info(pruned, "what was kept long enough is removed");
}
