import { setTimeout as delay } from "node:timers/promises";

export type WaitOptions = {
  /** What is waited for, as it reads after "Waited 5000 ms for": "the run to succeed". */
  what: string;
  timeoutMs?: number;
  intervalMs?: number;
};

/**
 * Asks `probe` again and again until it answers something truthy, and returns that. A probe that throws counts as "not yet";
 * its last error is the cause of the failure. Throws when `timeoutMs` (10 s) are over.
 */
export async function waitUntil<T>(
  probe: () => T | Promise<T>,
  { what, timeoutMs = 10_000, intervalMs = 20 }: WaitOptions,
): Promise<Exclude<T, undefined | null | false | 0 | "">> {
  const startedAt = performance.now();
  let last: { answer: unknown } | { error: unknown };
  do {
    try {
      const answer = await probe();
      if (isTruthy(answer)) return answer;
      last = { answer };
    } catch (error) {
      last = { error };
    }
    await delay(intervalMs);
  } while (performance.now() - startedAt < timeoutMs);
  const seen =
    "error" in last ? `the last try failed: ${String(last.error)}` : `the last answer was ${show(last.answer)}`;
  throw new Error(`Waited ${timeoutMs} ms for ${what}; ${seen}`, "error" in last ? { cause: last.error } : undefined);
}

function isTruthy<T>(value: T): value is Exclude<T, undefined | null | false | 0 | ""> {
  return Boolean(value);
}

function show(value: unknown): string {
  return typeof value === "object" ? (JSON.stringify(value) ?? String(value)) : String(value);
}
