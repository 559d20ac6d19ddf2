import { livePartition } from "@penstock/core/run";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { Stream } from "@penstock/source/model";
import type { PipelineContext } from "./context.ts";
import { startRun } from "./start-run.ts";

/**
 * A stream's schedule is due. Starts a run, unless the stream is paused; the stream's `overlap` says what to do where one
 * is under way. Of a child stream all partitions become due.
 */
export async function tick(context: PipelineContext, due: JobPayloads["tick"], jobId: string): Promise<void> {
  await context.reach("tick.begun");
  const stream = context.sources.get(due.source)?.streams[due.stream];
  if (stream === undefined) {
    context.logger.warn(
      { source: due.source, stream: due.stream },
      "tick of a stream that is not defined here, ignored",
    );
    return;
  }
  if (due.delayMs !== undefined) return await tickLater(context, due, { delayMs: due.delayMs, jobId });
  const checkpoint = await context.store.checkpoint(due.source, due.stream, livePartition);
  if (checkpoint?.isPaused) return;
  const { source, mode } = due;
  if (stream.parent === undefined) await startOrOverlap(context, stream, due);
  else await context.store.markDue({ source, stream: stream.name, parent: stream.parent.stream, which: "all", mode });
  await context.reach("tick.ended");
}

/** The scheduler's own job ends now, since the one after it follows from it; its id keeps the later one single. */
async function tickLater(
  context: PipelineContext,
  { source, stream, mode }: JobPayloads["tick"],
  { delayMs, jobId }: { delayMs: number; jobId: string },
): Promise<void> {
  const later = `later_${jobId.replaceAll(":", "_")}`;
  await context.queues.enqueue([{ type: "tick", payload: { source, stream, mode }, jobId: later, delayMs }]);
}

async function startOrOverlap(context: PipelineContext, stream: Stream, due: JobPayloads["tick"]): Promise<void> {
  const takeOver = stream.overlap === "supersede" ? "any" : "none";
  const { isNew } = await startRun(context, { ...due, takeOver });
  if (!isNew && stream.overlap === "queue-one") await context.store.queueRun(due.source, due.stream, due.mode);
}

/** Starts the runs that were to follow live ones which have ended. */
export async function startQueuedRuns(context: PipelineContext): Promise<void> {
  for (const queued of await context.store.queuedRuns()) {
    if (context.sources.get(queued.source)?.streams[queued.stream] !== undefined) await startRun(context, queued);
  }
}
