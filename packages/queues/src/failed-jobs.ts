import { ask } from "./ask.ts";
import type { BullJob, BullQueue, QueueBackend } from "./backend.ts";
import { isJobType, type JobPayloads, type JobType, priorityOf } from "./catalog.ts";
import { addAll, aloneId, isAloneId } from "./enqueue.ts";
import { jobOptions } from "./job-options.ts";
import type { FailedJob } from "./queues.ts";

const chunk = 100;

/**
 * Each of the failed jobs of the queues once, those of each queue oldest first. They may be removed meanwhile; those that are not
 * hide none behind them.
 *
 * @throws InfrastructureError `QUEUE_UNAVAILABLE`
 */
export async function* eachFailedJob(backend: QueueBackend, queues: BullQueue[]): AsyncGenerator<FailedJob> {
  for (const queue of queues) {
    const seen = new Set<string | undefined>();
    for (let start = 0; ; ) {
      const jobs = await ask("failed jobs", () => queue.getFailed(start, start + chunk - 1));
      const fresh = jobs.filter(({ id }) => !seen.has(id));
      if (jobs.length === 0) break;
      for (const job of fresh) {
        seen.add(job.id);
        const described = describe(backend, job);
        if (described !== undefined) yield described;
      }
      start += jobs.length - fresh.length;
    }
  }
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

/** As a new job, since BullMQ fails one again that stalled too often before, whatever it is retried with. */
async function retryAlone(backend: QueueBackend, type: JobType, job: BullJob): Promise<void> {
  const priority = priorityOf(job.data);
  const jobId = aloneId(job.id ?? "");
  const opts = { ...jobOptions(type, backend.keepsCompleted), jobId, ...(priority > 0 && { priority }) };
  await addAll(backend, [{ name: type, queueName: job.queueName, data: job.data, opts }], 10_000);
}
