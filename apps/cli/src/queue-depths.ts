import type { Config } from "@penstock/config/config";
import { readEmbeddedLock } from "@penstock/queues/embedded-lock";
import type { QueueDepth } from "@penstock/queues/queues";
import type { Logger } from "@penstock/telemetry/logger";

/** On a machine that is busy with ingesting, an answer takes its time. */
const askTimeoutMs = 3_000;

/**
 * Depths of all queues. The embedded queue belongs to one process, so that one is asked over its health server; `null`
 * when there is none.
 */
export async function readQueueDepths(queue: Config["queue"], logger: Logger): Promise<QueueDepth[] | null> {
  if (queue.kind === "embedded") return askOwner(queue.dataDir);
  // Loaded here only: BullMQ is half of the time this command would take to start.
  const { openQueueBackend } = await import("@penstock/queues/backend");
  const { createQueues } = await import("@penstock/queues/create-queues");
  await using stack = new AsyncDisposableStack();
  const backend = stack.adopt(await openQueueBackend(queue, { logger, isReadOnly: true }), (opened) => opened.close());
  const queues = stack.adopt(createQueues(backend, { sources: "all" }), (opened) => opened.close());
  return await queues.depths();
}

async function askOwner(dataDir: string): Promise<QueueDepth[] | null> {
  const lock = await readEmbeddedLock(dataDir);
  if (lock?.healthUrl === undefined) return null;
  const response = await fetch(new URL("/queues", lock.healthUrl), { signal: AbortSignal.timeout(askTimeoutMs) });
  return response.ok ? ((await response.json()) as QueueDepth[]) : null;
}
