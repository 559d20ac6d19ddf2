import type { ErrorCode } from "@penstock/core/error-codes";
import type { SourceState } from "@penstock/core/source-state";
import type { Stream } from "@penstock/source/model";
import type { RunState } from "@penstock/store/store";
import type { PipelineContext } from "./context.ts";
import { reportRun } from "./report-run.ts";

/** Whether a run has taken longer than its stream allows. */
export function isOverdue(run: { startedAt: Date }, stream: Pick<Stream, "deadlineMs">, now: Date): boolean {
  return stream.deadlineMs !== undefined && now.getTime() - run.startedAt.getTime() > stream.deadlineMs;
}

/**
 * Ends a run that is overdue. What it fetched is committed, also what still is on its way; the next run starts from the
 * bound. A run that could not go on because its source does not answer has failed, and says so.
 */
export async function endOverdue(context: PipelineContext, state: RunState): Promise<void> {
  const { runId } = state.run;
  if (await context.store.endRun(runId, endOf(state))) await reportRun(context, runId);
}

type End = { status: "incomplete" | "failed"; code: ErrorCode; message: string };

function endOf({ run, source, now }: RunState): End {
  const name = `${run.source}.${run.stream}`;
  const took = `after ${Math.round((now.getTime() - run.startedAt.getTime()) / 1_000)} s and ${run.pages} pages`;
  if (source.breaker === "closed") {
    const waited = isThrottled(source, now)
      ? `; the API wants no requests before ${source.throttledUntil?.toISOString()}`
      : "";
    return { status: "incomplete", code: "RUN_DEADLINE", message: `${name} came to its deadline ${took}${waited}` };
  }
  const message = `${name} came to its deadline ${took}, waiting for ${run.source}: its last ${source.failures} requests failed`;
  return { status: "failed", code: "BREAKER_OPEN", message };
}

function isThrottled({ throttledUntil }: SourceState, now: Date): boolean {
  return throttledUntil !== null && throttledUntil > now;
}
