import { definitionOf, type PipelineContext } from "./context.ts";
import { firstPageJob } from "./start-run.ts";

/*
 * A child stream has no runs of its own but one per record of its parent. The page transaction of the parent says in the
 * database which are due; here they are started, a few at a time. Nothing but the database remembers what is due, so a
 * starter may die anywhere: a run that was started and has no job is found by the watchdog.
 */

/** Live runs of a child stream for each request its source allows at once: enough to keep the source busy. */
const runsPerSlot = 2;
/** Rounds in which due parents that have no children are passed over, before other streams get their turn. */
const maxRounds = 100;

/** Starts due runs of every child stream. Idempotent: what one process starts, another leaves alone. */
export async function startChildren(context: PipelineContext): Promise<void> {
  for (const source of context.sources.values()) {
    for (const stream of Object.values(source.streams)) {
      if (stream.parent !== undefined) await startDueRuns(context, { source: source.name, stream: stream.name });
    }
  }
}

/** Starts runs of a child stream's due partitions, as many as may be live at once, and returns how many. */
export async function startDueRuns(
  context: PipelineContext,
  name: { source: string; stream: string },
): Promise<number> {
  const { source, stream } = definitionOf(context, name);
  if (stream.parent === undefined) return 0;
  const { stream: parent, valuesOf } = stream.parent;
  const maxLive = runsPerSlot * source.concurrency;
  for (let round = 0; round < maxRounds; round += 1) {
    const { started, skipped } = await context.store.startDueRuns({ ...name, parent, valuesOf, maxLive });
    if (started.length > 0) {
      await context.reach("start-run.committed");
      await context.queues.enqueue(started.map((each) => firstPageJob(context, stream, each.run, each.parent)));
      await context.reach("start-run.enqueued");
      context.logger.debug({ ...name, runs: started.length }, "runs of due partitions started");
    }
    if (skipped === 0 || started.length > 0) return started.length;
  }
  return 0;
}
