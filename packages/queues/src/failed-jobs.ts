import type { BullJob, BullQueue, QueueBackend } from "./backend.ts";
import { isJobType, type JobPayloads, type JobType, priorityOf } from "./catalog.ts";
import { addAll, aloneId, isAloneId } from "./enqueue.ts";
import { jobOptions } from "./job-options.ts";
import type { FailedJob } from "./queues.ts";

/** The failed jobs of all the queues, those of each oldest first, `limit` at most. */
export async function readFailedJobs(backend: QueueBackend, queues: BullQueue[], limit: number): Promise<FailedJob[]> {
  const failed = await Promise.all(queues.map((queue) => queue.getFailed(0, limit - 1)));
  const jobs = failed.flat().sort((a, b) => (a.finishedOn ?? 0) - (b.finishedOn ?? 0));
  return jobs.slice(0, limit).flatMap((job) => describe(backend, job) ?? []);
}

function describe(backend: QueueBackend, job: BullJob): FailedJob | undefined {
  if (isJobType(job.name)) return failedJob(backend, job.name, job);
  // Another version's job: left for that version's sweep.
  backend.report(job.queueName, new Error(`failed job of unknown type ${job.name}`));
  return undefined;
}

function failedJob<T extends JobType>(backend: QueueBackend, type: T, job: BullJob): FailedJob {
  const jobId = job.id ?? "";
  const described = {
    type,
    // Not parsed: what cannot be read must be accounted for too.
    payload: job.data as JobPayloads[T],
    jobId,
    reason: job.failedReason,
    stalls: job.stalledCounter,
    isFirstFailure: !isAloneId(jobId),
    remove: () => job.remove(),
    retry: () => retryAlone(backend, type, job),
  };
  // TypeScript does not see that a type and the payload of that type are a member of the union.
  return described as unknown as FailedJob;
}

/**
 * As a new job, since BullMQ fails one again that stalled too often before, whatever it is retried with. The new one is
 * added before the old one goes: between the two there may be both, never none.
 */
async function retryAlone(backend: QueueBackend, type: JobType, job: BullJob): Promise<void> {
  const priority = priorityOf(job.data);
  const jobId = aloneId(job.id ?? "");
  const opts = { ...jobOptions(type, backend.keepsCompleted), jobId, ...(priority > 0 && { priority }) };
  await addAll(backend, [{ name: type, queueName: job.queueName, data: job.data, opts }], 10_000);
  await job.remove();
}
