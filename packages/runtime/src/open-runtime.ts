import { join } from "node:path";
import type { Config } from "@penstock/config/config";
import { ConfigError } from "@penstock/core/errors";
import type { PipelineContext } from "@penstock/pipeline/context";
import { openQueueBackend, type QueueBackend } from "@penstock/queues/backend";
import { createQueues } from "@penstock/queues/create-queues";
import { type LoadedSources, loadSources } from "@penstock/source/load-sources";
import type { Source } from "@penstock/source/model";
import { viewColumns } from "@penstock/source/view-columns";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import type { Logger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { importCheckpoint } from "./import-checkpoint.ts";

/** What a process that takes part in the pipeline has open. Closed in reverse by the stack it was opened on. */
export type Runtime = { config: Config; context: PipelineContext; backend: QueueBackend; loaded: LoadedSources };

export type RuntimeOptions = {
  config: Config;
  logger: Logger;
  /** Whoever opens something puts its release here; undone in reverse. */
  stack: AsyncDisposableStack;
  env: NodeJS.ProcessEnv;
};

/**
 * Opens database, queue and sources, brings the database's schema and views up to date.
 *
 * @throws ConfigError for sources that cannot be used
 * @throws InfrastructureError when the database or the queue does not answer
 */
export async function openRuntime({ config, logger, stack, env }: RuntimeOptions): Promise<Runtime> {
  const loaded = await loadUsableSources(config, env);
  const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
  await store.ensureViews(loaded.sources.flatMap(streamViews));
  await importCheckpoint(store, config, loaded.sources, logger);
  const backend = stack.adopt(await openQueueBackend(config.queue, { logger }), (opened) => opened.close());
  const names = loaded.sources.map((source) => source.name);
  const queues = stack.adopt(createQueues(backend, { sources: names }), (opened) => opened.close());
  const context: PipelineContext = {
    store,
    queues,
    sources: new Map(loaded.sources.map((source) => [source.name, source])),
    logger,
    metrics: createMetrics(),
    settings: { backlogHigh: config.backlogHigh },
  };
  return { config, context, backend, loaded };
}

/**
 * Sources that can be used, and those whose environment is not set.
 *
 * @throws ConfigError with all problems, when any source file is wrong
 */
export async function loadUsableSources(config: Config, env: NodeJS.ProcessEnv): Promise<LoadedSources> {
  const loaded = await loadSources(config.sourcesDir, env);
  if (loaded.problems.length > 0) {
    throw new ConfigError("SOURCE_INVALID", loaded.problems.map((problem) => problem.message).join("\n"));
  }
  return loaded;
}

/** Where migrations lie: beside the program, wherever it was started from. */
export const migrationsRoot = join(import.meta.dirname, "../../../prisma");

export function openConfiguredStore(config: Config): Promise<Store> {
  return openStore({ url: config.database.url, migrationsRoot });
}

function streamViews(source: Source) {
  return Object.values(source.streams).map((stream) => ({
    source: source.name,
    stream: stream.name,
    name: `${source.name}_${stream.name}`,
    columns: viewColumns(stream),
  }));
}

