/**
 * A cursor value is what a record says about its place in the stream; the largest committed one is the *bound* that
 * the next run starts from. It is kept as text so that no precision is lost on the way through queues and databases:
 *
 * | kind        | text                                                      | order            |
 * | ----------- | --------------------------------------------------------- | ---------------- |
 * | `timestamp` | UTC instant to the millisecond, `2026-01-31T12:00:00.000Z` | in time          |
 * | `number`    | what `String(number)` gives                               | numeric          |
 * | `string`    | as it came                                                | by UTF-16 units  |
 */
export type CursorKind = "timestamp" | "number" | "string";

/** Negative, zero or positive as `a` is before, equal to or after `b`. Both are texts of the same kind. */
export function compareCursors(kind: CursorKind, a: string, b: string): number {
  if (kind === "number") return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The later of two cursors; `null` is before everything. */
export function laterCursor(kind: CursorKind, a: string | null, b: string | null): string | null {
  if (a === null) return b;
  if (b === null) return a;
  return compareCursors(kind, a, b) >= 0 ? a : b;
}

export type BoundRule = {
  kind: CursorKind;
  /** Largest cursor value among the valid records of the committed prefix. */
  candidate: string | null;
  /** The bound the run started from: the result is never before it. */
  current: string | null;
  /** Start of the run by the API's own clock (its `Date` header), or by ours where it sends none. */
  runStartedAt: Date;
  /** How far back the API may still add late records, in milliseconds. */
  lookbackMs: number;
};

/**
 * The bound to move to: the candidate, but for timestamps never past the start of the run minus the lookback, so that
 * records the API adds with a time inside that span are asked for again. Never moves backward.
 */
export function nextBound(rule: BoundRule): string | null {
  if (rule.candidate === null) return rule.current;
  const capped = rule.kind === "timestamp" ? capTimestamp(rule.candidate, rule) : rule.candidate;
  return laterCursor(rule.kind, rule.current, capped);
}

function capTimestamp(candidate: string, rule: BoundRule): string {
  const capMs = rule.runStartedAt.getTime() - rule.lookbackMs;
  return Date.parse(candidate) > capMs ? new Date(capMs).toISOString() : candidate;
}
