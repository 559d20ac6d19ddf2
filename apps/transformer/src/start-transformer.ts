import type { Config } from "@penstock/config/config";
import type { PipelineContext } from "@penstock/pipeline/context";
import { redriveHandler, transformHandler } from "@penstock/pipeline/handlers";
import { createTransformThreads } from "@penstock/pipeline/transform-threads";
import { transformQueue } from "@penstock/queues/catalog";
import type { RunningWorker } from "@penstock/queues/queues";
import { startWorker } from "@penstock/queues/worker";
import type { Runtime } from "@penstock/runtime/open-runtime";

/** Starts the worker that validates, transforms and commits pages, and puts dead letters through again. */
export async function startTransformer(
  { context, backend, config, locks }: Runtime,
  stack: AsyncDisposableStack,
): Promise<RunningWorker[]> {
  const transforming = inThreads(context, config, stack);
  const worker = startWorker(backend, {
    queue: transformQueue,
    handlers: { transform: transformHandler(transforming), redrive: redriveHandler(context) },
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

/** Put on the stack before the worker, so that the threads end after its last page. */
function inThreads(context: PipelineContext, config: Config, stack: AsyncDisposableStack): PipelineContext {
  if (config.transformThreads === 0) return context;
  return { ...context, transformer: stack.use(createTransformThreads({ threads: config.transformThreads }, config)) };
}
