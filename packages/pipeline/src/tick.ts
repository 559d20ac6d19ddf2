import { livePartition } from "@penstock/core/run";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { PipelineContext } from "./context.ts";
import { startRun } from "./start-run.ts";

/** A stream's schedule is due. Starts a run, unless one is under way or the stream is paused. */
export async function tick(context: PipelineContext, due: JobPayloads["tick"]): Promise<void> {
  await context.reach("tick.begun");
  if (context.sources.get(due.source)?.streams[due.stream] === undefined) {
    context.logger.warn(
      { source: due.source, stream: due.stream },
      "tick of a stream that is not defined here, ignored",
    );
    return;
  }
  const checkpoint = await context.store.checkpoint(due.source, due.stream, livePartition);
  if (checkpoint?.isPaused) return;
  await startRun(context, due);
  await context.reach("tick.ended");
}
