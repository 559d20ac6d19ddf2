import type { Deletion } from "@penstock/store/store";
import type { PipelineContext } from "./context.ts";

/** Settles what full runs missed, and tells of it. */
export async function settleDeletions({
  store,
  logger,
  metrics,
}: Pick<PipelineContext, "store" | "logger" | "metrics">): Promise<void> {
  for (const {
    source,
    stream,
    runId,
    status,
    reason,
    known,
    missing,
    missedOnce,
    deleted,
  } of await store.settleDeletions()) {
    metrics.recordsDeleted({ source, stream, records: deleted });
    const fields = {
      source,
      stream,
      runId,
      status,
      known,
      missing,
      missedOnce,
      deleted,
      ...(reason !== null && { reason }),
    };
    const isNews = status === "waiting" || status === "incomplete";
    logger[isNews ? "warn" : "info"](fields, saidOf(status));
  }
}

function saidOf(status: Deletion["status"]): string {
  if (status === "waiting") return "records are missing, and somebody must decide whether they are deleted";
  if (status === "incomplete") return "the run cannot tell what was deleted";
  return status === "done" ? "records that two full runs missed are deleted" : "deletions looked for";
}
