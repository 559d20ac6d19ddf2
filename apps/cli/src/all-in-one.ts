import { startFetcher } from "@penstock/fetcher/start-fetcher";
import type { RunningWorker } from "@penstock/queues/queues";
import type { Runtime } from "@penstock/runtime/open-runtime";
import { startScheduler } from "@penstock/scheduler/start-scheduler";
import { startTransformer } from "@penstock/transformer/start-transformer";

/**
 * Scheduler, fetcher and transformer in one process. What the stack releases last is opened first: on shutdown the
 * scheduler stops starting runs, then the fetcher fetching, then the transformer commits what is left of its pages.
 */
export async function startAllInOne(runtime: Runtime, stack: AsyncDisposableStack): Promise<RunningWorker[]> {
  const transformers = await startTransformer(runtime, stack);
  const fetchers = await startFetcher(runtime, stack);
  const schedulers = await startScheduler(runtime, stack);
  return [...schedulers, ...fetchers, ...transformers];
}
