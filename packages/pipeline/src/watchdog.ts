import type { Run } from "@penstock/core/run";
import type { PipelineContext } from "./context.ts";
import { startRun } from "./start-run.ts";

/** A live run as it was at one look: without a job anywhere, and how far it had come. */
type Suspect = { runId: string; pages: number; seenAt: number };

export type Watchdog = { look(): Promise<string[]> };

/** Between the two looks that a run must show no life in. */
const suspicionMs = 5_000;

/**
 * Finds live runs that no job will ever move on – the queue lost them, or was rolled back – and has each superseded by a
 * new run from the bound. Nothing of the old run is continued: its position may be stale.
 *
 * A job moves from the fetch queue to the transform queue to the run's row, so looking in that order cannot miss one on
 * its way; still a run must be without job and without progress at two looks, {@link suspicionMs} apart. Taking over is a
 * compare-and-swap on the run, so that two watchdogs, or a run that just ended, do no harm.
 *
 * @returns from each `look`, the ids of the runs taken over
 */
export function createWatchdog(
  context: PipelineContext,
  options: { suspicionMs?: number; now?: () => number } = {},
): Watchdog {
  const { suspicionMs: afterMs = suspicionMs, now = Date.now } = options;
  let suspects = new Map<string, Suspect>();

  async function isLost(run: Run): Promise<boolean> {
    if (await context.queues.hasJobs(run.source, run.runId)) {
      suspects.delete(run.runId);
      return false;
    }
    const known = suspects.get(run.runId);
    if (known === undefined || known.pages !== run.pages) {
      suspects.set(run.runId, { runId: run.runId, pages: run.pages, seenAt: now() });
      return false;
    }
    return now() - known.seenAt >= afterMs;
  }

  return {
    look: async () => {
      const live = await context.store.liveRuns();
      suspects = new Map(
        live.flatMap((run) => suspects.get(run.runId) ?? []).map((suspect) => [suspect.runId, suspect]),
      );
      const takenOver: string[] = [];
      for (const run of live) {
        if (context.sources.get(run.source)?.streams[run.stream] === undefined) continue;
        if (await isLost(run)) {
          await takeOver(context, run);
          takenOver.push(run.runId);
        }
      }
      return takenOver;
    },
  };
}

async function takeOver(context: PipelineContext, run: Run): Promise<void> {
  const { source, stream, runId, mode } = run;
  context.logger.warn(
    { source, stream, runId, pages: run.pages },
    "live run has no job left, starting anew from the bound",
  );
  await context.reach("watchdog.suspected");
  await startRun(context, { source, stream, mode, takeOver: { runId } });
  await context.reach("watchdog.taken-over");
}
