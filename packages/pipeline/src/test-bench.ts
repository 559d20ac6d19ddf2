import { join } from "node:path";
import { withoutFailures } from "@penstock/core/failure-points";
import type { Queues } from "@penstock/queues/queues";
import { openStore } from "@penstock/store/open-store";
import { createLogger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { createTraces } from "@penstock/telemetry/traces";
import type { DatabaseTarget } from "@penstock/testing/databases";
import type { FetchContext } from "./context.ts";
import { createPageTransformer } from "./page-transformer.ts";
import { type ScriptedOptions, type ScriptedSource, startScriptedSource } from "./scripted-source.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");

/** A pipeline on a scripted API and a database of its own, with the queues that the test gives; closed with the stack. */
export async function openBench(
  stack: AsyncDisposableStack,
  target: DatabaseTarget,
  queues: Queues,
  options: ScriptedOptions,
): Promise<{ context: FetchContext; api: ScriptedSource }> {
  const database = stack.adopt(await target.create(), (created) => created.drop());
  const store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
  const api = stack.adopt(await startScriptedSource(options), (started) => started.close());
  const sources = new Map([[api.source.name, api.source]]);
  const context: FetchContext = {
    store,
    queues,
    sources,
    transformer: createPageTransformer(sources),
    fetchers: new Map([[api.source.name, api.fetcher]]),
    logger: createLogger({ app: "test", level: "silent", format: "json" }),
    metrics: createMetrics(),
    traces: createTraces(),
    settings: { backlogHigh: 1_000 },
    reach: withoutFailures,
    isHeldBack: async () => false,
  };
  return { context, api };
}
