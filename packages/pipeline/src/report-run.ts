import { parentKeyOf } from "@penstock/core/partition";
import type { Run } from "@penstock/core/run";
import type { PipelineContext } from "./context.ts";

/**
 * Tells of a run that ended, however it did: its metric, and the one line that has its whole account. Called by who ended it,
 * after the commit; a process that dies in between leaves it to the database to tell.
 */
export async function reportRun({ store, metrics, logger }: PipelineContext, runId: string): Promise<void> {
  const state = await store.readRun(runId);
  if (state === undefined) return;
  const { source, stream, status, errorCode } = state.run;
  metrics.runEnded({ source, stream, status });
  if (errorCode === "ACCOUNT_VIOLATED") metrics.accountViolated({ source, stream });
  const log = levelOf(state.run);
  logger[log](fieldsOf(state.run, state.now), "run ended");
}

/** A child stream has too many runs to tell of each that went well. */
function levelOf({ status, partition }: Run): "debug" | "info" | "warn" | "error" {
  if (status === "succeeded") return parentKeyOf(partition) === undefined ? "info" : "debug";
  return status === "superseded" || status === "cancelled" ? "warn" : "error";
}

function fieldsOf(run: Run, now: Date): object {
  const { source, stream, partition, runId, mode, status, pages, account, errorCode, errorMessage } = run;
  return {
    source,
    stream,
    partition,
    runId,
    mode,
    status,
    pages,
    ...account,
    boundAtStart: run.boundAtStart,
    durationMs: (run.endedAt ?? now).getTime() - run.startedAt.getTime(),
    ...(errorCode !== null && { errorCode, reason: errorMessage }),
  };
}
