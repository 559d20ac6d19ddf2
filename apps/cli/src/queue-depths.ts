import type { Config } from "@penstock/config/config";
import { codeOf } from "@penstock/core/decision";
import { readEmbeddedLock } from "@penstock/queues/embedded-lock";
import type { QueueDepth, Queues, UnattendedQueue } from "@penstock/queues/queues";
import type { Logger } from "@penstock/telemetry/logger";

/** On a machine that is busy with ingesting, an answer takes its time. */
const askTimeoutMs = 3_000;

/**
 * Depths of all queues. The embedded queue belongs to one process, so that one is asked over its health server; `null`
 * when there is none.
 */
export async function readQueueDepths(queue: Config["queue"], logger: Logger): Promise<QueueDepth[] | null> {
  if (queue.kind === "embedded") return askOwner(queue.dataDir);
  return (await askQueues(queue, (queues) => queues.depths(), logger)) ?? [];
}

/** See `Queues.unattended`; `null` of the embedded queue, which has its workers in the process that it belongs to. */
export async function readUnattended(queue: Config["queue"], dueForMs: number): Promise<UnattendedQueue[] | null> {
  return queue.kind === "embedded" ? null : ((await askQueues(queue, (queues) => queues.unattended(dueForMs))) ?? []);
}

/** `undefined` where there are no queues yet: that is how every installation begins. */
async function askQueues<T>(
  settings: Exclude<Config["queue"], { kind: "embedded" }>,
  question: (queues: Queues) => Promise<T>,
  logger?: Logger,
): Promise<T | undefined> {
  // Loaded here only: BullMQ is half of the time this command would take to start.
  const { openQueueBackend } = await import("@penstock/queues/backend");
  const { createQueues } = await import("@penstock/queues/create-queues");
  await using stack = new AsyncDisposableStack();
  const options = { isReadOnly: true, ...(logger !== undefined && { logger }) };
  const backend = await openQueueBackend(settings, options).catch((error: unknown) => {
    if (codeOf(error) === "QUEUE_MISSING") return undefined;
    throw error;
  });
  if (backend === undefined) return undefined;
  stack.defer(() => backend.close());
  const queues = stack.adopt(createQueues(backend, { sources: "all" }), (opened) => opened.close());
  return await question(queues);
}

async function askOwner(dataDir: string): Promise<QueueDepth[] | null> {
  const lock = await readEmbeddedLock(dataDir);
  if (lock?.healthUrl === undefined) return null;
  const response = await fetch(new URL("/queues", lock.healthUrl), { signal: AbortSignal.timeout(askTimeoutMs) });
  return response.ok ? ((await response.json()) as QueueDepth[]) : null;
}
