export type BackoffOptions = { initialMs: number; maxMs: number };

/**
 * Milliseconds to wait before the attempt after `attempt` (1 = the first has failed): exponential with full jitter,
 * `random(0, min(maxMs, initialMs · 2^(attempt−1)))`.
 *
 * Formula: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
 */
export function backoffMs(
  attempt: number,
  { initialMs, maxMs }: BackoffOptions,
  random: () => number = Math.random,
): number {
  return Math.round(random() * Math.min(maxMs, initialMs * 2 ** (attempt - 1)));
}
