import { compareCursors, compoundParts } from "@penstock/core/cursor";
import { formatInstant, type InstantFormat, instantAfter, instantBefore, isoMilliseconds } from "../instant.ts";
import type { CursorShape } from "../paginator.ts";

/*
 * Cursor values as keyset paging asks for them. A value here is cursor text (see `@penstock/core/cursor`); only the last of
 * several fields has a neighbour, the others stay as they are.
 */

export const timestampShape: CursorShape = { kind: "timestamp", kinds: ["timestamp"], boundary: "exclusive" };

type Known = {
  /** Largest value seen that is smaller than the one in question. */
  before: string | null;
  format: InstantFormat | null;
};

/**
 * What to ask from to be given all records of `value` and later ones, whether the API includes the records that equal what it
 * is asked from or not: the value before it, at the resolution the API writes. Of a text nobody knows the value before it:
 * where the API includes, it is the text itself, else the largest value that was seen before it. `null`: from the beginning.
 */
export function valueBefore(value: string, { before, format }: Known, shape: CursorShape): string | null {
  if (lastKind(value, shape) === "string") return shape.boundary === "inclusive" ? value : before;
  const stepped = withLast(value, shape, {
    timestamp: (instant) => instantBefore(instant, format ?? isoMilliseconds),
    number: (number) => (Number.isSafeInteger(number) ? number - 1 : neighbour(number, -1)),
  });
  // Among fractions a whole number has neighbours that are nearer than 1.
  const isNearer = before !== null && before !== value && compareCursors(shape.kind, before, stepped) > 0;
  return isNearer ? before : stepped;
}

/** The value after it, at the same resolution; `null` for a text. */
export function valueAfter(value: string, { format }: Pick<Known, "format">, shape: CursorShape): string | null {
  if (lastKind(value, shape) === "string") return null;
  return withLast(value, shape, {
    timestamp: (instant) => instantAfter(instant, format ?? isoMilliseconds),
    number: (number) => (Number.isSafeInteger(number) ? number + 1 : neighbour(number, 1)),
  });
}

/** What is sent for it, field by field. */
export function valueTexts(value: string, format: InstantFormat | null, shape: CursorShape): string[] {
  return partsOf(value, shape).map((part, i) =>
    shape.kinds[i] === "timestamp" ? formatInstant(String(part), format ?? isoMilliseconds) : String(part),
  );
}

type Part = string | number;

function partsOf(value: string, { kind }: CursorShape): Part[] {
  if (kind === "compound") return compoundParts(value);
  return [kind === "number" ? Number(value) : value];
}

/** A bound that was cut for being too late has fewer fields than the cursor. */
function lastKind(value: string, shape: CursorShape) {
  return shape.kinds[partsOf(value, shape).length - 1];
}

type Neighbours = { timestamp: (instant: string) => string; number: (number: number) => number };

function withLast(value: string, shape: CursorShape, { timestamp, number }: Neighbours): string {
  const parts = partsOf(value, shape);
  const last = parts.pop() ?? "";
  const moved = typeof last === "number" ? number(last) : timestamp(last);
  return shape.kind === "compound" ? JSON.stringify([...parts, moved]) : String(moved);
}

/** The next double below (-1) or above (1): as bits, doubles of one sign are in the order of their integers (IEEE 754). */
function neighbour(number: number, direction: 1 | -1): number {
  if (number === 0) return direction * Number.MIN_VALUE;
  const bits = new BigInt64Array(new Float64Array([number]).buffer);
  bits[0] = (bits[0] ?? 0n) + BigInt(number > 0 ? direction : -direction);
  return new Float64Array(bits.buffer)[0] ?? number;
}
