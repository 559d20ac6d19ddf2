import { ConfigError } from "@penstock/core/errors";
import { backfillProblem } from "@penstock/source/backfill-problem";
import type { Stream } from "@penstock/source/model";
import type { NewBackfill } from "@penstock/store/store";
import type { PipelineContext } from "./context.ts";
import { firstPageJob } from "./start-run.ts";

/** @throws ConfigError `BACKFILL_IMPOSSIBLE` */
export function requireBackfillable(stream: Stream, { source, stream: name, from }: NewBackfill): void {
  const problem = backfillProblem(stream, from.toISOString());
  if (problem === undefined) return;
  throw new ConfigError("BACKFILL_IMPOSSIBLE", `${source}.${name} cannot be backfilled: ${problem}`, {
    source,
    stream: name,
  });
}

/**
 * Starts the next windows of every backfill under way. Idempotent, and nothing but the database remembers what is to be done: a window
 * that was started and has no job is found by the watchdog.
 */
export async function startBackfillWindows(context: PipelineContext): Promise<void> {
  for (const { id, source, stream: name } of await context.store.runningBackfills()) {
    const stream = context.sources.get(source)?.streams[name];
    if (stream === undefined) continue;
    const { started, ended } = await context.store.startWindows(id);
    const fields = { source, stream: name, backfill: id };
    if (started.length > 0) {
      await context.reach("start-run.committed");
      await context.queues.enqueue(started.map(({ run }) => firstPageJob(context, stream, run, undefined)));
      await context.reach("start-run.enqueued");
      context.logger.debug({ ...fields, windows: started.length }, "windows of a backfill started");
    }
    if (ended !== null)
      context.logger[ended === "failed" ? "error" : "info"]({ ...fields, status: ended }, "backfill ended");
  }
}
