import { codeOf, messageOf } from "@penstock/core/decision";
import { canonicalJson } from "@penstock/core/json";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { PipelineContext } from "./context.ts";
import { requestLetter } from "./letters.ts";
import { reportRun } from "./report-run.ts";

/** Accounts for a request that is given up: letter and run `failed` in one transaction. The bound stays where it is. */
export async function settleFetch(context: PipelineContext, job: JobPayloads["fetch"], error: unknown): Promise<void> {
  await context.reach("settle-fetch.begun");
  const state = await context.store.readRun(job.runId);
  const { source, stream, runId, seq } = job;
  const log = context.logger.child({ source, stream, partition: job.partition, runId, seq });
  if (state?.run.status !== "running") {
    log.debug({ code: codeOf(error) }, "request of an ended run failed, nothing to account for");
    return;
  }
  if (codeOf(error) === "RUN_REFUSED") {
    await context.store.endRun(runId, { status: "failed", code: "RUN_REFUSED", message: messageOf(error) });
    await reportRun(context, runId);
    return;
  }
  const letter = requestLetter(job, canonicalJson(job.position), state.now, error);
  await context.store.settleFetch(letter);
  await context.reach("settle-fetch.committed");
  context.metrics.deadLettered({ source, stream, code: letter.code });
  log.error({ code: letter.code, reason: messageOf(error) }, "request given up");
  await reportRun(context, runId);
}
