import { randomBytes } from "node:crypto";
import { PermanentError } from "@penstock/core/errors";
import type { FlowJob } from "bullmq";
import { z } from "zod";
import { ask } from "./ask.ts";
import type { QueueBackend } from "./backend.ts";
import { catalog, type JobPayloads, type JobType, priorityOf } from "./catalog.ts";
import { jobOptions } from "./job-options.ts";
import type { NewJob, Queues } from "./queues.ts";

export type EnqueueOptions = {
  /** False adds something random to every job id, so that no queue takes a job for one it knows. */
  isDeduplicated: boolean;
  timeoutMs: number;
};

/** Marks the ids of jobs that run with no other beside them. */
const aloneSuffix = "_alone";
export const isAloneId = (jobId: string): boolean => jobId.endsWith(aloneSuffix);
export const aloneId = (jobId: string): string => `${jobId}${aloneSuffix}`;

/**
 * Makes `enqueue`: all jobs are added, or it throws. They are added as one transaction across their queues; after a
 * throw they may have been added all the same (the answer got lost), which does no harm since everything they lead to
 * is idempotent.
 */
export function createEnqueue(backend: QueueBackend, { isDeduplicated, timeoutMs }: EnqueueOptions): Queues["enqueue"] {
  return async (jobs) => {
    const nodes = jobs.map((job) => toNode(backend, job));
    if (!isDeduplicated) for (const { opts } of nodes) opts.jobId = `${opts.jobId}_${randomBytes(6).toString("hex")}`;
    await addAll(backend, nodes, timeoutMs);
  };
}

export type JobNode = FlowJob & { opts: NonNullable<FlowJob["opts"]> };

/**
 * Adds jobs as they are.
 *
 * @throws InfrastructureError `QUEUE_UNAVAILABLE` unless every one was added
 */
export async function addAll(backend: QueueBackend, nodes: JobNode[], timeoutMs: number): Promise<void> {
  if (nodes.length === 0) return;
  await ask(`the queue did not take ${nodes.length} job(s)`, () => addOrRenew(backend, nodes), timeoutMs);
}

/** Tries again, once, where the failure is of the connection and a new one helps. */
async function addOrRenew(backend: QueueBackend, nodes: JobNode[]): Promise<void> {
  try {
    await addOnce(backend, nodes);
  } catch (error) {
    if (!backend.renewProducer(error)) throw error;
    await addOnce(backend, nodes);
  }
}

async function addOnce(backend: QueueBackend, nodes: JobNode[]): Promise<void> {
  // Typed otherwise, but undefined is what a producer answers that is being closed.
  const added: unknown[] | undefined = await backend.producer.addBulk(nodes);
  if (added?.length !== nodes.length) throw new Error("the queue is being closed");
}

function toNode(backend: QueueBackend, job: NewJob): JobNode {
  const { type, jobId, delayMs } = job;
  const { queueName, data } = address(type, job.payload);
  const delay = delayMs === undefined ? {} : { delay: delayMs };
  const priority = priorityOf(data);
  const options = { ...jobOptions(type, backend.keepsCompleted), ...delay, ...(priority > 0 && { priority }) };
  return { name: type, queueName, data, opts: { ...options, jobId } };
}

/**
 * @throws PermanentError `PAYLOAD_UNREADABLE` when the payload is not what the catalog says, `PAYLOAD_TOO_LARGE`
 */
function address<T extends JobType>(type: T, payload: unknown): { queueName: string; data: JobPayloads[T] } {
  const definition = catalog[type];
  const parsed = definition.payload.safeParse(payload);
  if (!parsed.success) throw unreadable(type, parsed.error);
  const sizeBytes = Buffer.byteLength(JSON.stringify(parsed.data));
  if (sizeBytes > definition.sizeLimitBytes) {
    throw new PermanentError("PAYLOAD_TOO_LARGE", `a ${type} job of ${sizeBytes} bytes is more than a queue may hold`, {
      expected: `at most ${definition.sizeLimitBytes} bytes`,
      received: `${sizeBytes} bytes`,
    });
  }
  return { queueName: definition.queue(parsed.data), data: parsed.data };
}

/** Zod's messages name paths and expected types, not the values. */
export function unreadable(type: JobType, cause: z.ZodError): PermanentError {
  const path = cause.issues[0]?.path.join(".") ?? "";
  return new PermanentError(
    "PAYLOAD_UNREADABLE",
    `the payload of a ${type} job is not readable: ${z.prettifyError(cause)}`,
    { path, cause },
  );
}
