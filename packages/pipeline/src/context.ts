import { PermanentError } from "@penstock/core/errors";
import type { Reach } from "@penstock/core/failure-points";
import type { Queues } from "@penstock/queues/queues";
import type { PageFetcher } from "@penstock/source/fetch-page";
import type { Source, Stream } from "@penstock/source/model";
import type { Store } from "@penstock/store/store";
import type { Logger } from "@penstock/telemetry/logger";
import type { Metrics } from "@penstock/telemetry/metrics";
import type { Traces } from "@penstock/telemetry/traces";
import type { AskedPage } from "./fetch.ts";
import type { PageTransformer } from "./page-transformer.ts";
import type { ReadAhead } from "./read-ahead.ts";
import type { RecentRuns } from "./recent-runs.ts";

/** What every job handler needs; made once per process and passed down, never changed. */
export type PipelineContext = {
  store: Store;
  queues: Queues;
  sources: ReadonlyMap<string, Source>;
  /** Where pages are validated and transformed: in this thread or in others. */
  transformer: PageTransformer;
  logger: Logger;
  metrics: Metrics;
  traces: Traces;
  settings: PipelineSettings;
  /** Where tests let it fail; see core's failure-points.ts. */
  reach: Reach;
};

export type PipelineSettings = {
  /** Fetchers hold back while more pages than this wait for the transformer, and go on below half of it. */
  backlogHigh: number;
};

/** What a fetcher process has on top: connections to the APIs. */
export type FetchContext = PipelineContext & {
  fetchers: ReadonlyMap<string, PageFetcher>;
  isHeldBack: () => Promise<boolean>;
  /** Where pages follow each other faster than their run has to be read. */
  recent?: RecentRuns;
  /** By source, where no other process takes jobs of this queue. */
  ahead?: ReadonlyMap<string, ReadAhead<AskedPage>>;
};

/** Pages a run may be ahead of its committed prefix, so that a stopped sink stops its sources too. */
export const runAheadPages = 64;

/**
 * The definition behind a job. A job may name a stream that this process does not know (it was renamed, or versions are
 * mixed during a roll-out).
 *
 * @throws PermanentError `SOURCE_UNKNOWN`
 */
export function definitionOf(
  context: Pick<PipelineContext, "sources">,
  name: { source: string; stream: string },
): { source: Source; stream: Stream } {
  const source = context.sources.get(name.source);
  const stream = source?.streams[name.stream];
  if (source === undefined || stream === undefined) {
    throw new PermanentError("SOURCE_UNKNOWN", `no stream ${name.source}.${name.stream} is defined here`, name);
  }
  return { source, stream };
}
