import { compareCursors, type LargestCursors, nextBound, withCursor } from "@penstock/core/cursor";
import { expect, test } from "vitest";
import { cursorOn } from "./cursor-field.ts";

test.each([
  ["2026-01-31T12:00:00", undefined, null],
  ["2026-01-31T12:00:00", "UTC", "2026-01-31T12:00:00.000Z"],
  ["2026-01-31T12:00:00", "+02:00", "2026-01-31T10:00:00.000Z"],
  ["2026-01-31 12:00:00.5", "-05:00", "2026-01-31T17:00:00.500Z"],
  ["2026-01-31T12:00:00+01:00", "-05:00", "2026-01-31T11:00:00.000Z"],
  ["2026-01-31", undefined, "2026-01-31T00:00:00.000Z"],
  ["2026-01-31", "+02:00", "2026-01-30T22:00:00.000Z"],
] as const)("the time %s in zone %s", (at, zone, text) => {
  expect(cursorOn({ field: "at", ...(zone !== undefined && { zone }) }).of({ at })).toBe(text);
});

test.each(["a\0", "\ud800", ""])("no database takes the text %j as it is: no cursor", (at) => {
  expect(cursorOn({ field: "at", kind: "string" }).of({ at })).toBeNull();
});

const cursor = cursorOn({ field: "at", thenBy: [{ field: "id", kind: "number" }] });

test("several fields are compared one after the other", () => {
  const of = (at: string, id: number) => cursor.of({ at, id }) ?? "";
  expect(cursor.kind).toBe("compound");
  expect(compareCursors("compound", of("2026-01-01T00:00:00Z", 10), of("2026-01-01T00:00:00Z", 9))).toBeGreaterThan(0);
  expect(compareCursors("compound", of("2026-01-01T00:00:00Z", 10), of("2026-01-02T00:00:00Z", 9))).toBeLessThan(0);
  expect(cursor.of({ at: "2026-01-01T00:00:00Z" })).toBeNull();
});

test("a bound of several fields does not pass the start of the run either", () => {
  const candidate = cursor.of({ at: "2026-01-31T12:00:01Z", id: 7 });
  const rule = { kind: "compound", candidate, current: null, lookbackMs: 0 } as const;
  expect(nextBound({ ...rule, runStartedAt: new Date("2026-01-31T12:00:02Z") })).toBe(candidate);
  expect(nextBound({ ...rule, runStartedAt: new Date("2026-01-31T12:00:00Z") })).toBe('["2026-01-31T12:00:00.000Z"]');
});

test("the largest of some cursors and the one before it", () => {
  const values = ["b", "d", null, "d", "a", "c"];
  const largest = values.reduce<LargestCursors>((known, value) => withCursor("string", known, value), {
    largest: null,
    before: null,
  });
  expect(largest).toEqual({ largest: "d", before: "c" });
});
