import { createBackPressure } from "@penstock/pipeline/back-pressure";
import type { FetchContext, PipelineContext } from "@penstock/pipeline/context";
import type { AskedPage } from "@penstock/pipeline/fetch";
import { fetchHandler } from "@penstock/pipeline/handlers";
import { createReadAhead, type ReadAhead } from "@penstock/pipeline/read-ahead";
import { createRecentRuns } from "@penstock/pipeline/recent-runs";
import { fetchQueue } from "@penstock/queues/catalog";
import type { RunningWorker } from "@penstock/queues/queues";
import { startWorker } from "@penstock/queues/worker";
import type { Runtime } from "@penstock/runtime/open-runtime";
import { createPageFetcher, type PageFetcher } from "@penstock/source/fetch-page";
import type { Source } from "@penstock/source/model";
import type { InStep } from "@penstock/source/request-step";

/** What of a runtime fetchers use. */
export type FetcherRuntime = Pick<Runtime, "backend" | "context" | "locks"> & {
  config: Pick<Runtime["config"], "fetchConcurrency" | "shutdownGraceMs">;
};

/**
 * Starts one worker per source, each on the source's own queue, so that a slow API holds up no other; with `only`, for
 * those sources alone.
 */
export async function startFetcher(
  runtime: FetcherRuntime,
  stack: AsyncDisposableStack,
  only?: string[],
): Promise<RunningWorker[]> {
  const { context, config } = runtime;
  const sources = [...context.sources.values()].filter(({ name }) => only?.includes(name) ?? true);
  const fetchers = new Map(sources.map((source) => [source.name, openFetcher(source, context, stack)]));
  const isHeldBack = createBackPressure(context.queues, context.settings.backlogHigh);
  const isAlone = context.queues.kind === "embedded";
  const ahead = new Map(isAlone ? sources.map((source) => [source.name, openReadAhead(source, runtime)]) : []);
  const recent = createRecentRuns(context.store.readRun);
  const fetchContext: FetchContext = { ...context, fetchers, isHeldBack, recent, ahead };
  for (const source of sources) await context.queues.applyLimits(source.name, source);
  const workers = sources.map((source) => startSourceWorker(runtime, fetchContext, source));
  stack.defer(async () => {
    // Both at once: what is ahead of its job is in vain from here on, and keeps others from their turns.
    await Promise.all([
      ...[...ahead.values()].map((each) => each.close()),
      ...workers.map((worker) => worker.stop(config.shutdownGraceMs)),
    ]);
  });
  return workers;
}

function openReadAhead({ rateLimit, concurrency }: Source, { config }: FetcherRuntime): ReadAhead<AskedPage> {
  return createReadAhead<AskedPage>({ rateLimit, concurrency: requestsAtOnce(concurrency, config) });
}

const requestsAtOnce = (concurrency: number, { fetchConcurrency = Infinity }: FetcherRuntime["config"]): number =>
  Math.min(concurrency, fetchConcurrency);

function openFetcher(source: Source, { store, traces }: PipelineContext, stack: AsyncDisposableStack): PageFetcher {
  const inStep: InStep = ({ name, host }, work) =>
    traces.inSpan({ name, kind: "client", attributes: { "server.address": host } }, work);
  return stack.adopt(createPageFetcher(source, { tokens: store.tokens, inStep }), (fetcher) => fetcher.close());
}

function startSourceWorker(
  { backend, config, locks }: FetcherRuntime,
  context: FetchContext,
  source: Source,
): RunningWorker {
  const { attempts, initialMs, maxMs } = source.retry;
  return startWorker(backend, {
    queue: fetchQueue(source.name),
    handlers: { fetch: fetchHandler(context) },
    options: {
      concurrency: requestsAtOnce(source.concurrency, config),
      attempts,
      backoff: { initialMs, maxMs },
      ...locks,
    },
  });
}
