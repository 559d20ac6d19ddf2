import { dateOf } from "./headers.ts";
import { instantMs } from "./instant.ts";

/** What an answer's headers say about the requests that are left. */
export type RateLimitState = {
  /** Requests that may still be sent before the window ends. */
  remaining: number;
  /** Requests per window, `null` where the API does not say. */
  limit: number | null;
  /** Until the window ends, `null` where the API does not say. */
  resetMs: number | null;
};

type Headers = Readonly<Record<string, string | undefined>>;

const prefixes = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"];
// No window that is worth waiting for is longer, and a wrong clock must not stop a source for good.
const largestMs = 3_600_000;
// Smaller numbers are a span, larger ones an instant: this is 2001 in seconds, and 1970 in milliseconds.
const epochFrom = 1_000_000_000;
const epochMsFrom = 100_000_000_000;

/**
 * Reads the structured field `RateLimit` (draft-ietf-httpapi-ratelimit-headers: `"default";r=50;t=30`, and the older
 * `limit=100, remaining=50, reset=30`), or the separate `RateLimit-*`, `X-RateLimit-*` and `X-Rate-Limit-*`. A reset is
 * seconds from now, or an instant – in seconds or milliseconds of the epoch, or a date – which is measured against `now`, the API's
 * own clock where it says it. Of several policies the one with the least left counts.
 *
 * @param headers lower-case names
 * @returns `undefined` when they do not say how many requests are left
 */
export function rateLimitOf(headers: Headers, now: Date): RateLimitState | undefined {
  return structured(headers["ratelimit"], now) ?? separate(headers, now);
}

/** Until the API takes another request, where the answer says that this was the last for now; else `undefined`. */
export function waitMsOf(limit: RateLimitState | undefined): number | undefined {
  return limit?.remaining === 0 && limit.resetMs !== null && limit.resetMs > 0 ? limit.resetMs : undefined;
}

function structured(field: string | undefined, now: Date): RateLimitState | undefined {
  if (field === undefined) return undefined;
  const policies = /(?:^|[,;\s])remaining=/i.test(field) ? [field] : field.split(",");
  const states = policies.flatMap((policy) => {
    const remaining = parameter(policy, "r", "remaining");
    if (remaining === undefined) return [];
    return [state(remaining, parameter(policy, "q", "limit"), parameter(policy, "t", "reset"), now)];
  });
  return states.toSorted((a, b) => a.remaining - b.remaining)[0];
}

function parameter(policy: string, short: string, long: string): number | undefined {
  const match = new RegExp(`(?:^|[,;\\s])(?:${short}|${long})=(\\d+)`, "i").exec(policy);
  return match === null ? undefined : Number(match[1]);
}

function separate(headers: Headers, now: Date): RateLimitState | undefined {
  const text = (name: string) => prefixes.map((prefix) => headers[prefix + name]).find((value) => value !== undefined);
  const remaining = leadingNumber(text("remaining"));
  if (remaining === undefined) return undefined;
  const reset = text("reset");
  return state(remaining, leadingNumber(text("limit")), leadingNumber(reset) ?? instantIn(reset), now);
}

/** ISO 8601 or an HTTP date, in milliseconds of the epoch. */
function instantIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return instantMs(text.trim()) ?? dateOf({ date: text })?.getTime();
}

/** Of `100, 100;w=60` the first; none of a date, which begins with a number too. */
function leadingNumber(text: string | undefined): number | undefined {
  const digits = /^\s*(\d+(?:\.\d+)?)\s*(?:[,;]|$)/.exec(text ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function state(remaining: number, limit: number | undefined, reset: number | undefined, now: Date): RateLimitState {
  const resetMs = reset === undefined ? null : Math.min(Math.max(untilMs(reset, now), 0), largestMs);
  return { remaining, limit: limit ?? null, resetMs };
}

function untilMs(reset: number, now: Date): number {
  if (reset >= epochMsFrom) return reset - now.getTime();
  return reset >= epochFrom ? reset * 1_000 - now.getTime() : Math.ceil(reset * 1_000);
}
