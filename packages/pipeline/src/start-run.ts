import type { Author } from "@penstock/core/audit";
import { fetchJobId } from "@penstock/core/job-id";
import { canonicalJson, type JsonObject } from "@penstock/core/json";
import { type ParentValues, windowOf } from "@penstock/core/partition";
import { livePartition, type Run, type RunIdentity, type RunMode } from "@penstock/core/run";
import type { NewJob } from "@penstock/queues/queues";
import type { Stream } from "@penstock/source/model";
import type { StartedRun, StartRun } from "@penstock/store/store";
import type { Traces } from "@penstock/telemetry/traces";
import { readParent } from "./children.ts";
import { definitionOf, type PipelineContext } from "./context.ts";
import type { LoopGuard } from "./loop-guard.ts";
import { reportRun } from "./report-run.ts";

export type RunRequest = {
  source: string;
  stream: string;
  /** Default `live`; in a child stream the one that belongs to a parent. */
  partition?: string;
  mode?: RunMode;
  takeOver?: StartRun["takeOver"];
  /** Who asked for it; nobody, where a schedule did. */
  author?: Author;
};

/**
 * Starts a run of a partition and enqueues its first page. A live run is left alone – but for one without
 * a page and without a job, whose starter must have died between the two steps: its first page is enqueued again.
 *
 * @throws PermanentError `SOURCE_UNKNOWN`, or `PARENT_VALUE_INVALID` when the parent's record of the partition is gone
 */
export async function startRun(context: PipelineContext, request: RunRequest): Promise<StartedRun> {
  const { source, stream, partition = livePartition, mode = "incremental", takeOver = "none", author } = request;
  const parent = await readParent(context, { source, stream, partition });
  await context.reach("start-run.begun");
  const started = await context.store.startRun({
    source,
    stream,
    partition,
    mode,
    takeOver,
    ...(author && { author }),
  });
  const log = context.logger.child({ source, stream, runId: started.run.runId });
  if (started.isNew) {
    await context.reach("start-run.committed");
    if (started.superseded !== null) {
      log.warn({ supersededRunId: started.superseded }, "took over from another run");
      await reportRun(context, started.superseded);
    }
    log.info({ mode, bound: started.run.boundAtStart }, "run started");
    await enqueueFirstPage(context, started.run, parent);
  } else if (started.run.pages === 0 && (await context.queues.runsWithJobs([started.run])).size === 0) {
    log.warn({}, "run has no job, enqueueing its first page again");
    await enqueueFirstPage(context, started.run, parent);
  }
  return started;
}

/** Starts the streams that have a schedule and never ran: nobody wants to wait for the first tick to see that it works. */
export async function startFirstRuns(context: PipelineContext): Promise<void> {
  for (const source of context.sources.values()) {
    for (const stream of Object.values(source.streams)) {
      const checkpoint = await context.store.checkpoint(source.name, stream.name, livePartition);
      const isNew = (checkpoint?.fence ?? 0) === 0 && checkpoint?.isPaused !== true;
      if (stream.schedule !== undefined && stream.parent === undefined && isNew)
        await startRun(context, { source: source.name, stream: stream.name });
    }
  }
}

async function enqueueFirstPage(context: PipelineContext, run: Run, parent: ParentValues | undefined): Promise<void> {
  const { stream } = definitionOf(context, run);
  await context.queues.enqueue([firstPageJob(context, stream, run, parent)]);
  await context.reach("start-run.enqueued");
}

/** The first page's job; its trace begins here, as does the span that all pages of the run are linked to. */
export function firstPageJob(
  { traces }: Pick<PipelineContext, "traces">,
  stream: Stream,
  run: Run,
  parent: ParentValues | undefined,
): NewJob {
  const { source, runId, mode } = run;
  const attributes = { "penstock.source": source, "penstock.stream": stream.name, "penstock.run": runId };
  const runTraceparent = traces.handOn({ name: "run", attributes: { ...attributes, "penstock.mode": mode } });
  const bound = mode === "full" ? null : run.boundAtStart;
  const position = stream.paginator.start(bound, undefined, windowOf(run.partition)?.to);
  const traced = { ...run, parent, runTraceparent };
  return fetchJob({ ...traced, traceparent: pageTrace(traces, traced, 0) }, 0, position);
}

/** Begins the trace of a page: it lasts from the moment that its job is made until it is committed. */
export function pageTrace(
  traces: Traces,
  { source, stream, runId, runTraceparent }: RunIdentity & { runTraceparent?: string | undefined },
  seq: number,
): string {
  const attributes = {
    "penstock.source": source,
    "penstock.stream": stream,
    "penstock.run": runId,
    "penstock.page": seq,
  };
  return traces.handOn({ name: "page", kind: "producer", parent: "root", link: runTraceparent, attributes });
}

/** Traceparents of the page's own trace and of the span that started the run. */
type Traced = { traceparent?: string | undefined; runTraceparent?: string | undefined };

/** The job that fetches page `seq` of a run from `position`. */
export function fetchJob(
  run: RunIdentity & { parent?: ParentValues | undefined } & Traced,
  seq: number,
  position: JsonObject,
  guard?: LoopGuard,
): Extract<NewJob, { type: "fetch" }> {
  const { runId, source, stream, partition, fence, parent, traceparent, runTraceparent } = run;
  return {
    type: "fetch",
    jobId: fetchJobId(runId, seq, canonicalJson(position)),
    payload: {
      runId,
      source,
      stream,
      partition,
      fence,
      ...(parent && { parent }),
      seq,
      position,
      traceparent,
      runTraceparent,
      ...(guard && { guard }),
    },
  };
}
