import { PermanentError } from "@penstock/core/errors";
import type { FailedJob } from "@penstock/queues/queues";
import type { PipelineContext } from "./context.ts";
import { settleRedrive } from "./redrive.ts";
import { settleFetch } from "./settle-fetch.ts";
import { isReadable, settleUnreadable } from "./settle-unreadable.ts";
import { settleTransform } from "./transform.ts";

const mirroredLetters = 1_000;

/**
 * Finds jobs that BullMQ failed without asking their handler, because their workers kept dying. Each is tried once more
 * – workers run a job that stalled before with nothing beside it – and is then settled like any other. The events of
 * such failures can be lost with the worker that should have heard them, so the failed set itself is what counts.
 */
export async function sweepFailedJobs(context: PipelineContext): Promise<number> {
  let found = 0;
  for await (const job of context.queues.failedJobs()) {
    if (found++ === 0) await context.reach("sweep.found");
    // One that cannot be settled must not keep those behind it.
    await sweepJob(context, job).catch((error: unknown) => {
      context.logger.error({ jobId: job.jobId, err: error }, "failed job could not be settled, tried again later");
    });
  }
  return found;
}

async function sweepJob(context: PipelineContext, job: FailedJob): Promise<void> {
  const log = context.logger.child({ jobId: job.jobId, stalls: job.stalls });
  if (job.isFirstFailure) {
    log.warn({ reason: job.reason }, "job failed without running, trying it once more alone");
    await job.retry();
    await context.reach("sweep.enqueued");
    await job.remove();
    await context.reach("sweep.retried");
    return;
  }
  await settleJob(context, job, new PermanentError("STALLED", `its worker died ${job.stalls} times: ${job.reason}`));
  await context.reach("sweep.settled");
  await job.remove();
}

async function settleJob(context: PipelineContext, job: FailedJob, error: PermanentError): Promise<void> {
  if (!isReadable(job.type, job.payload)) return settleUnreadable(context, job.type, job.payload, error);
  if (job.type === "fetch") return settleFetch(context, job.payload, error);
  if (job.type === "transform") return settleTransform(context, job.payload, error);
  if (job.type === "redrive") return settleRedrive(context, job.payload, error);
}

/** Brings the queue `dead-letter` in line with the newest open letters of the database, which are the truth. */
export async function mirrorLetters(context: PipelineContext): Promise<void> {
  const open = await context.store.listLetters({ status: "open", limit: mirroredLetters, newestFirst: true });
  await context.queues.mirrorLetters(
    open.map(({ id, source, stream, code, message }) => ({ id, source, stream, code, message })),
  );
}
