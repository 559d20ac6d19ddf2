import { messageOf } from "@penstock/core/decision";
import { catalog, type JobType } from "@penstock/queues/catalog";
import type { PipelineContext } from "./context.ts";
import { reportRun } from "./report-run.ts";

/** False for a payload that another version wrote, or that was damaged. */
export function isReadable(type: JobType, payload: unknown): boolean {
  return catalog[type].payload.safeParse(payload).success;
}

/**
 * Accounts for a job that nobody here can read: its run fails, the bound stays, and the next run fetches again what the job
 * carried. A letter could not say more, since what it would keep cannot be read either.
 */
export async function settleUnreadable(
  context: PipelineContext,
  type: JobType,
  payload: unknown,
  error: unknown,
): Promise<void> {
  const runId = typeof payload === "object" && payload !== null && "runId" in payload ? payload.runId : undefined;
  context.logger.error({ jobType: type, runId, reason: messageOf(error) }, "job with an unreadable payload given up");
  if (typeof runId !== "string") return;
  const message = `a ${type} job of the run cannot be read; the next run starts from the same bound`;
  const isEnded = await context.store.endRun(runId, { status: "failed", code: "PAYLOAD_UNREADABLE", message });
  if (isEnded) await reportRun(context, runId);
}
