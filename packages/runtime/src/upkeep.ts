import type { PipelineContext } from "@penstock/pipeline/context";
import { mirrorLetters, sweepFailedJobs } from "@penstock/pipeline/sweep";
import { createWatchdog } from "@penstock/pipeline/watchdog";
import { startLoop } from "./loop.ts";

const lookEveryMs = 2_000;

/** What repairs the pipeline while it runs: runs without jobs, jobs without workers, letters missing in the mirror. */
export function startUpkeep(context: PipelineContext, stack: AsyncDisposableStack): void {
  const watchdog = createWatchdog(context);
  stack.use(startLoop("watchdog", lookEveryMs, () => watchdog.look(), context.logger));
  stack.use(startLoop("sweep", lookEveryMs, () => sweepFailedJobs(context), context.logger));
  stack.use(startLoop("mirror", lookEveryMs, () => mirrorLetters(context), context.logger));
}
