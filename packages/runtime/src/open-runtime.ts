import type { Config } from "@penstock/config/config";
import type { Reach } from "@penstock/core/failure-points";
import type { PipelineContext } from "@penstock/pipeline/context";
import { createPageTransformer } from "@penstock/pipeline/page-transformer";
import { openQueueBackend, type QueueBackend } from "@penstock/queues/backend";
import { createQueues } from "@penstock/queues/create-queues";
import type { WorkerOptions } from "@penstock/queues/queues";
import type { LoadedSources } from "@penstock/source/load-sources";
import type { Source } from "@penstock/source/model";
import { streamTable } from "@penstock/source/stream-table";
import { schemaVersion } from "@penstock/source/view-columns";
import type { StreamSchema } from "@penstock/store/store";
import type { Logger } from "@penstock/telemetry/logger";
import { createReach } from "./failures.ts";
import { importCheckpoint } from "./import-checkpoint.ts";
import { observeProcess } from "./observe.ts";
import { openConfiguredStore } from "./open-database.ts";
import { openTelemetry } from "./open-telemetry.ts";
import { statementSpans } from "./statement-spans.ts";
import { streamViews } from "./stream-views.ts";
import { tuneHeap } from "./tune-heap.ts";
import { type Pace, usualPace } from "./upkeep.ts";
import { loadUsableSources } from "./usable-sources.ts";

/** What a process that takes part in the pipeline has open. Closed in reverse by the stack it was opened on. */
export type Runtime = {
  config: Config;
  context: PipelineContext;
  backend: QueueBackend;
  loaded: LoadedSources;
  /** For this process' workers. */
  locks: Pick<WorkerOptions, "lockDurationMs" | "stalledIntervalMs">;
  pace: Pace;
};

export type RuntimeOptions = {
  /** Which process: `fetcher`, `cli` … */
  app: string;
  config: Config;
  logger: Logger;
  /** Whoever opens something puts its release here; undone in reverse. */
  stack: AsyncDisposableStack;
  /** Leaves all other sources out. */
  only?: string[];
  /** Takes the streams' schedules away: they run when told to. */
  isOnDemand?: boolean;
  /** For a process that a person waits for: what it leaves behind when killed is free again after seconds. */
  hasShortLocks?: boolean;
  /** Adds the process' own figures to the metrics. Once per process. */
  withProcessMetrics?: boolean;
  /** Instead of the failures that the configuration plans. */
  reach?: Reach;
};

const shortLocks = { lockDurationMs: 5_000, stalledIntervalMs: 2_500 };

/**
 * Opens database, queue and sources, brings the database's schema and views up to date.
 *
 * @throws ConfigError for sources that cannot be used
 * @throws InfrastructureError when the database or the queue does not answer
 */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { config, logger, stack } = options;
  tuneHeap(options.app);
  const loaded = await loadUsableSources(config);
  const sources = loaded.sources
    .filter(({ name }) => options.only?.includes(name) ?? true)
    .map((source) => (options.isOnDemand === true ? onDemand(source) : source));
  const reach = options.reach ?? reachOf(config, logger);
  const { metrics, traces } = await openTelemetry({
    config: config.telemetry,
    app: options.app,
    stack,
    withProcess: options.withProcessMetrics === true,
  });
  const store = stack.adopt(
    await openConfiguredStore(config, { reach, observe: statementSpans(config.database.url, traces) }),
    (opened) => opened.close(),
  );
  await store.noteSchemas(loaded.sources.flatMap(streamSchemas));
  await store.ensureViews(loaded.sources.flatMap(streamViews));
  await importCheckpoint(store, config, sources, logger);
  const backend = stack.adopt(await openQueueBackend(config.queue, { logger }), (opened) => opened.close());
  const queues = createQueues(backend, {
    sources: sources.map(({ name }) => name),
    isDeduplicated: !config.test.hasUniqueJobIds,
  });
  const released = await queues.releaseActive();
  if (released > 0) logger.info({ released }, "jobs of a process that was killed are waiting again");
  metrics.expect(
    sources.flatMap(({ name, streams }) => Object.keys(streams).map((stream) => ({ source: name, stream }))),
  );
  const byName = new Map(sources.map((source) => [source.name, source]));
  const context: PipelineContext = {
    store,
    queues,
    sources: byName,
    transformer: createPageTransformer(byName),
    logger,
    metrics,
    traces,
    settings: { backlogHigh: config.backlogHigh },
    reach,
  };
  observeProcess(context);
  return {
    config,
    context,
    backend,
    loaded: { ...loaded, sources },
    locks: options.hasShortLocks === true ? shortLocks : {},
    pace: usualPace,
  };
}

function reachOf({ test }: Config, logger: Logger): Reach {
  if (test.failures.length > 0) logger.warn({ failures: test.failures }, "failures are planned, as a test asked for");
  return createReach(test.failures);
}

function onDemand(source: Source): Source {
  const streams = Object.values(source.streams).map((stream) => ({ ...stream, schedule: undefined }));
  return { ...source, streams: streamTable(streams) };
}

function streamSchemas(source: Source): StreamSchema[] {
  return Object.values(source.streams).map((stream) => ({
    source: source.name,
    stream: stream.name,
    ...schemaVersion(stream),
  }));
}
