/**
 * A cursor value is what a record says about its place in the stream; the largest committed one is the *bound* that
 * the next run starts from. It is kept as text so that no precision is lost on the way through queues and databases:
 *
 * | kind        | text                                                      | order            |
 * | ----------- | --------------------------------------------------------- | ---------------- |
 * | `timestamp` | UTC instant to the millisecond, `2026-01-31T12:00:00.000Z` | in time          |
 * | `number`    | what `String(number)` gives                               | numeric          |
 * | `string`    | as it came                                                | by UTF-16 units  |
 * | `compound`  | JSON array of such values, `["2026-01-31T12:00:00.000Z",7]` | field by field |
 */
export type CursorKind = ScalarKind | "compound";
export type ScalarKind = "timestamp" | "number" | "string";

/** Negative, zero or positive as `a` is before, equal to or after `b`. Both are texts of the same kind. */
export function compareCursors(kind: CursorKind, a: string, b: string): number {
  if (kind === "number") return Number(a) - Number(b);
  return kind === "compound" ? compareParts(compoundParts(a), compoundParts(b)) : order(a, b);
}

type Part = string | number;

/** The values of a compound cursor; times and texts are strings. */
export function compoundParts(cursor: string): Part[] {
  const parts: Part[] = JSON.parse(cursor);
  return parts;
}

/** The time that a cursor is, or begins with; `null` when there is none. */
export function timeIn(kind: CursorKind, cursor: string): string | null {
  const first = kind === "compound" ? compoundParts(cursor)[0] : cursor;
  if (kind === "number" || kind === "string" || typeof first !== "string") return null;
  return kind === "timestamp" || instantPattern.test(first) ? first : null;
}

const instantPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** One that has fewer fields is before all that begin with them. */
function compareParts(a: Part[], b: Part[]): number {
  for (const [i, part] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    const difference = order(part, other);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function order(a: Part, b: Part): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The later of two cursors; `null` is before everything. */
export function laterCursor(kind: CursorKind, a: string | null, b: string | null): string | null {
  if (a === null) return b;
  if (b === null) return a;
  return compareCursors(kind, a, b) >= 0 ? a : b;
}

/** The largest of some cursors, and the largest of those before it. */
export type LargestCursors = { largest: string | null; before: string | null };

export function withCursor(kind: CursorKind, known: LargestCursors, value: string | null): LargestCursors {
  const { largest, before } = known;
  if (value === null) return known;
  if (largest === null) return { largest: value, before };
  const difference = compareCursors(kind, value, largest);
  if (difference > 0) return { largest: value, before: largest };
  return difference === 0 ? known : { largest, before: laterCursor(kind, before, value) };
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
  return laterCursor(rule.kind, rule.current, capped(rule.candidate, rule));
}

/** A compound cursor that begins with a time is cut to that when it is too late: before all records of that time. */
function capped(candidate: string, rule: BoundRule): string {
  if (rule.kind === "timestamp") return capTimestamp(candidate, rule);
  const first = timeIn(rule.kind, candidate);
  const cap = first === null ? null : capTimestamp(first, rule);
  return cap === first ? candidate : JSON.stringify([cap]);
}

function capTimestamp(candidate: string, rule: BoundRule): string {
  const capMs = rule.runStartedAt.getTime() - rule.lookbackMs;
  return Date.parse(candidate) > capMs ? new Date(capMs).toISOString() : candidate;
}
