export type SimulatedLimit = {
  /** Tokens in a full bucket. */
  max: number;
  /** The time in which an empty bucket fills. */
  perMs: number;
  /** What a refusal says about when to come back; default `seconds`. */
  retryAfter?: "seconds" | "date" | "past-date" | "zero" | "huge" | "none";
  /** What every answer says about what is left; default `none`. */
  headers?:
    | "none"
    | "ratelimit"
    | "ratelimit-structured"
    | "x-ratelimit-delta"
    | "x-ratelimit-epoch-s"
    | "x-ratelimit-epoch-ms";
};

export type LimitVerdict = { isAllowed: boolean; headers: Record<string, string> };

/** A token bucket: `max` at once, and then one each `perMs / max`. */
export function createTokenBucket(limit: SimulatedLimit, now: () => number): () => LimitVerdict {
  const perToken = limit.perMs / limit.max;
  let tokens = limit.max;
  let filledAt = now();
  return () => {
    const at = now();
    tokens = Math.min(limit.max, tokens + (at - filledAt) / perToken);
    filledAt = at;
    const isAllowed = tokens >= 1;
    if (isAllowed) tokens -= 1;
    const waitMs = Math.ceil((1 - Math.min(1, tokens)) * perToken);
    const headers = leftHeaders(limit, Math.floor(tokens), waitMs, at);
    return { isAllowed, headers: isAllowed ? headers : { ...headers, ...retryAfter(limit.retryAfter, waitMs, at) } };
  };
}

const daySeconds = 86_400;

/** Retry-After in the forms of RFC 9110 §10.2.3, and in those that real APIs send. */
export function retryAfter(form: SimulatedLimit["retryAfter"], waitMs: number, at: number): Record<string, string> {
  const seconds = Math.ceil(waitMs / 1_000);
  switch (form) {
    case "none":
      return {};
    case "zero":
      return { "retry-after": "0" };
    case "huge":
      return { "retry-after": String(365 * daySeconds) };
    case "date":
      return { "retry-after": new Date(at + seconds * 1_000).toUTCString() };
    case "past-date":
      return { "retry-after": new Date(at - daySeconds * 1_000).toUTCString() };
    default:
      return { "retry-after": String(seconds) };
  }
}

function leftHeaders({ headers = "none", max, perMs }: SimulatedLimit, left: number, waitMs: number, at: number) {
  const prefix = headers === "ratelimit" ? "ratelimit" : "x-ratelimit";
  const delta = Math.ceil(waitMs / 1_000);
  const resets = {
    ratelimit: delta,
    "x-ratelimit-delta": delta,
    "x-ratelimit-epoch-s": Math.ceil((at + waitMs) / 1_000),
    "x-ratelimit-epoch-ms": at + waitMs,
  };
  if (headers === "none") return {};
  if (headers === "ratelimit-structured") return structured(max, perMs, left, delta);
  return {
    [`${prefix}-limit`]: String(max),
    [`${prefix}-remaining`]: String(left),
    [`${prefix}-reset`]: String(resets[headers]),
  };
}

/** The fields of draft-ietf-httpapi-ratelimit-headers-10. */
function structured(max: number, perMs: number, left: number, delta: number): Record<string, string> {
  return {
    "ratelimit-policy": `"default";q=${max};w=${Math.ceil(perMs / 1_000)}`,
    ratelimit: `"default";r=${left};t=${delta}`,
  };
}
