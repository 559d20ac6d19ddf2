import type { QueueBackend } from "./backend.ts";
import { fetchQueue, tickQueue } from "./catalog.ts";
import type { SourceLimits } from "./queues.ts";

/**
 * Every fetch queue has a rate limit: without one, a throttled source would hold back only the worker that was told so.
 * What the queue keeps outlives the process; a Redis that lost its data has lost these too, hence they are applied
 * again and again.
 */
export async function applyLimits(backend: QueueBackend, source: string, limits: SourceLimits): Promise<void> {
  const queue = backend.queue(fetchQueue(source));
  await queue.setGlobalConcurrency(limits.concurrency);
  await queue.setGlobalRateLimit(limits.rateLimit.max, limits.rateLimit.perMs);
  await backend
    .queue(tickQueue)
    .getBackend()
    .setQueueMeta({ [`${registryPrefix}${source}`]: 1 });
}

/** How long an answer stands for further requests: see decision 23. */
const keptMs = 25;

/** `Queues.holdsLimits`. Queues on Postgres are as durable as the records: they are not asked. */
export function createLimitCheck(
  backend: QueueBackend,
  now: () => number = () => performance.now(),
): (source: string, limits: SourceLimits) => Promise<boolean> {
  const held = new Map<string, { limits: string; askedAt: number }>();
  return async (source, wanted) => {
    if (backend.kind !== "redis") return true;
    const [askedAt, limits, last] = [now(), limitsText(wanted), held.get(source)];
    if (last?.limits === limits && askedAt - last.askedAt < keptMs) return true;
    if ((await storedLimits(backend, source)) === limits) {
      held.set(source, { limits, askedAt });
      return true;
    }
    held.delete(source);
    await applyLimits(backend, source, wanted);
    return false;
  };
}

const limitsText = ({ concurrency, rateLimit: { max, perMs } }: SourceLimits): string =>
  [concurrency, max, perMs].join();

async function storedLimits(backend: QueueBackend, source: string): Promise<string> {
  const { concurrency, max, duration } = await backend.queue(fetchQueue(source)).getBackend().getQueueMeta();
  return [concurrency, max, duration].map(Number).join();
}

/**
 * Which sources there are, for who has no definitions at hand: fields beside BullMQ's own in the metadata of a queue
 * that all share.
 */
const registryPrefix = "source.";

export async function readRegistry(backend: QueueBackend): Promise<string[]> {
  const fields = Object.keys(await backend.queue(tickQueue).getBackend().getQueueMeta());
  return fields
    .filter((field) => field.startsWith(registryPrefix))
    .map((field) => field.slice(registryPrefix.length))
    .sort();
}
