import { redriveHandler, transformHandler } from "@penstock/pipeline/handlers";
import { transformQueue } from "@penstock/queues/catalog";
import type { RunningWorker } from "@penstock/queues/queues";
import { startWorker } from "@penstock/queues/worker";
import type { Runtime } from "@penstock/runtime/open-runtime";

/** Starts the worker that validates, transforms and commits pages, and puts dead letters through again. */
export async function startTransformer(
  { context, backend, config, locks }: Runtime,
  stack: AsyncDisposableStack,
): Promise<RunningWorker[]> {
  const worker = startWorker(backend, {
    queue: transformQueue,
    handlers: { transform: transformHandler(context), redrive: redriveHandler(context) },
    options: {
      concurrency: config.transformConcurrency,
      attempts: 5,
      backoff: { initialMs: 500, maxMs: 30_000 },
      ...locks,
    },
  });
  stack.defer(async () => void (await worker.stop(config.shutdownGraceMs)));
  return [worker];
}
