import { fetchJobId } from "@penstock/core/job-id";
import { canonicalJson, type JsonObject } from "@penstock/core/json";
import { livePartition, type Run, type RunIdentity, type RunMode } from "@penstock/core/run";
import type { NewJob } from "@penstock/queues/queues";
import type { StartedRun, StartRun } from "@penstock/store/store";
import { definitionOf, type PipelineContext } from "./context.ts";

export type RunRequest = { source: string; stream: string; mode?: RunMode; takeOver?: StartRun["takeOver"] };

/**
 * Starts a run of a stream's live partition and enqueues its first page. A live run is left alone – but for one without
 * a page and without a job, whose starter must have died between the two steps: its first page is enqueued again.
 */
export async function startRun(context: PipelineContext, request: RunRequest): Promise<StartedRun> {
  const { source, stream, mode = "incremental", takeOver = "none" } = request;
  definitionOf(context, request);
  await context.reach("start-run.begun");
  const started = await context.store.startRun({ source, stream, partition: livePartition, mode, takeOver });
  const log = context.logger.child({ source, stream, runId: started.run.runId });
  if (started.isNew) {
    await context.reach("start-run.committed");
    if (started.superseded !== null) log.warn({ supersededRunId: started.superseded }, "took over from another run");
    log.info({ mode, bound: started.run.boundAtStart }, "run started");
    await enqueueFirstPage(context, started.run);
  } else if (started.run.pages === 0 && !(await context.queues.hasJobs(source, started.run.runId))) {
    log.warn({}, "run has no job, enqueueing its first page again");
    await enqueueFirstPage(context, started.run);
  }
  return started;
}

/** Starts the streams that have a schedule and never ran: nobody wants to wait for the first tick to see that it works. */
export async function startFirstRuns(context: PipelineContext): Promise<void> {
  for (const source of context.sources.values()) {
    for (const stream of Object.values(source.streams)) {
      const checkpoint = await context.store.checkpoint(source.name, stream.name, livePartition);
      const isNew = (checkpoint?.fence ?? 0) === 0 && checkpoint?.isPaused !== true;
      if (stream.schedule !== undefined && isNew) await startRun(context, { source: source.name, stream: stream.name });
    }
  }
}

async function enqueueFirstPage(context: PipelineContext, run: Run): Promise<void> {
  const { stream } = definitionOf(context, run);
  const position = stream.paginator.start(run.mode === "full" ? null : run.boundAtStart);
  await context.queues.enqueue([fetchJob(run, 0, position)]);
  await context.reach("start-run.enqueued");
}

/** The job that fetches page `seq` of a run from `position`. */
export function fetchJob(run: RunIdentity, seq: number, position: JsonObject): NewJob {
  const { runId, source, stream, partition, fence } = run;
  return {
    type: "fetch",
    jobId: fetchJobId(runId, seq, canonicalJson(position)),
    payload: { runId, source, stream, partition, fence, seq, position },
  };
}
