import type { ScalarKind } from "./cursor.ts";

/**
 * A record's version as text whose byte order is the order of the values, so that both databases can compare versions
 * without knowing their type. Timestamps (ISO, UTC, milliseconds) and strings are their own text; a number becomes the
 * 16 hex digits of its IEEE 754 bits with the sign bit flipped, and all bits flipped when negative – the usual
 * order-preserving transform (e.g. Redis' and FoundationDB's tuple encodings of doubles).
 */
export function sortableVersion(kind: ScalarKind, value: string): string {
  return kind === "number" ? sortableNumber(Number(value)) : value;
}

function sortableNumber(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value === 0 ? 0 : value);
  const bits = view.getBigUint64(0);
  const negative = bits >> 63n === 1n;
  const flipped = negative ? ~bits & 0xffffffffffffffffn : bits | (1n << 63n);
  return flipped.toString(16).padStart(16, "0");
}
