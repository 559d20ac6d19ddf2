import type { PipelineContext } from "@penstock/pipeline/context";
import { pruneRawPages } from "@penstock/pipeline/replay";
import { settleDeletions } from "@penstock/pipeline/settle-deletions";
import { mirrorLetters, sweepFailedJobs } from "@penstock/pipeline/sweep";
import { startQueuedRuns } from "@penstock/pipeline/tick";
import { createWatchdog } from "@penstock/pipeline/watchdog";
import { startLoop } from "./loop.ts";
import { streamViews } from "./stream-views.ts";

/** How often what repairs the pipeline looks, and how long it is patient; milliseconds. */
export type Pace = { upkeepMs: number; suspicionMs: number; restoreMs: number };

export const usualPace: Pace = { upkeepMs: 2_000, suspicionMs: 5_000, restoreMs: 15_000 };

/** One statement where nothing is to be done. Not before the process starts: on a large table an index takes long. */
const indexesMs = 60_000;
const keptPagesMs = 60_000;
const generationsMs = 60_000;

/** What repairs the pipeline while it runs: runs without jobs, jobs without workers, letters missing in the mirror. */
export function startUpkeep(context: PipelineContext, stack: AsyncDisposableStack, pace = usualPace): void {
  const { upkeepMs, suspicionMs } = pace;
  const watchdog = createWatchdog(context, { suspicionMs });
  stack.use(startLoop("watchdog", upkeepMs, () => watchdog.look(), context.logger));
  stack.use(startLoop("queued runs", upkeepMs, () => startQueuedRuns(context), context.logger));
  stack.use(startLoop("sweep", upkeepMs, () => sweepFailedJobs(context), context.logger));
  const views = [...context.sources.values()].flatMap(streamViews);
  stack.use(startLoop("indexes", indexesMs, () => context.store.ensureIndexes(views), context.logger));
  stack.use(startLoop("kept pages", keptPagesMs, () => pruneRawPages(context), context.logger));
  stack.use(startLoop("generations", generationsMs, () => context.store.pruneGenerations(), context.logger));
  stack.use(startLoop("deletions", upkeepMs, () => settleDeletions(context), context.logger));
  stack.use(startLoop("mirror", upkeepMs, () => mirrorLetters(context), context.logger));
}
