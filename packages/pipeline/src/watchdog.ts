import { PermanentError } from "@penstock/core/errors";
import type { Run } from "@penstock/core/run";
import type { Stream } from "@penstock/source/model";
import type { PipelineContext } from "./context.ts";
import { endOverdue, isOverdue } from "./deadline.ts";
import { reportRun } from "./report-run.ts";
import { restoreQueueState } from "./restore.ts";
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

  function isLost(run: Run, hasJobs: boolean): boolean {
    if (hasJobs) {
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
      const going: Run[] = [];
      for (const run of live) {
        const stream = context.sources.get(run.source)?.streams[run.stream];
        if (stream !== undefined && !(await endIfOverdue(context, run, stream))) going.push(run);
      }
      if (going.length === 0) return [];
      const withJobs = await context.queues.runsWithJobs(going);
      const lost = going.filter((run) => isLost(run, withJobs.has(run.runId)));
      // What lost their jobs has lost limits and schedules with them, and no run must start without these.
      if (lost.length > 0) await restoreQueueState(context);
      for (const run of lost) await takeOver(context, run);
      return lost.map(({ runId }) => runId);
    },
  };
}

/** Also of runs whose jobs stand still with their queue, and so cannot see to it themselves. */
async function endIfOverdue(context: PipelineContext, run: Run, stream: Stream): Promise<boolean> {
  if (!isOverdue(run, stream, new Date())) return false;
  const state = await context.store.readRun(run.runId);
  if (state?.run.status !== "running" || !isOverdue(state.run, stream, state.now)) return false;
  await endOverdue(context, state);
  return true;
}

async function takeOver(context: PipelineContext, run: Run): Promise<void> {
  const { source, stream, partition, runId, mode } = run;
  context.logger.warn(
    { source, stream, runId, pages: run.pages },
    "live run has no job left, starting anew from the bound",
  );
  await context.reach("watchdog.suspected");
  try {
    await startRun(context, { source, stream, partition, mode, takeOver: { runId } });
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    // The parent's record is gone since the run was started: there is nothing left to start it for.
    const end = { status: "cancelled", code: error.code, message: error.message } as const;
    if (await context.store.endRun(runId, end)) await reportRun(context, runId);
  }
  await context.reach("watchdog.taken-over");
}
