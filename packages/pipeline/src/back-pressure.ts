import type { Queues } from "@penstock/queues/queues";

const lookAgainMs = 200;

/**
 * Tells fetchers to hold back: true from when more than `high` pages wait for the transformer until fewer than half of
 * that do. The gap keeps fetchers from flapping; the answer is reused for 200 ms to spare the queue a question per page.
 */
export function createBackPressure(
  queues: Pick<Queues, "transformBacklog">,
  high: number,
  now: () => number = Date.now,
): () => Promise<boolean> {
  let isHeldBack = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (now() - lookedAt < lookAgainMs) return isHeldBack;
    lookedAt = now();
    const backlog = await queues.transformBacklog();
    isHeldBack = isHeldBack ? backlog > high / 2 : backlog > high;
    return isHeldBack;
  };
}
