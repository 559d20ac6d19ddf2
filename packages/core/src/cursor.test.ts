import { describe, expect, test } from "vitest";
import { type BoundRule, compareCursors, laterCursor, nextBound } from "./cursor.ts";

test("numbers compare as numbers, timestamps and strings as text", () => {
  expect(compareCursors("number", "9", "10")).toBeLessThan(0);
  expect(compareCursors("string", "9", "10")).toBeGreaterThan(0);
  expect(compareCursors("timestamp", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z")).toBeLessThan(0);
});

test("null is before everything", () => {
  expect(laterCursor("number", null, "-5")).toBe("-5");
  expect(laterCursor("number", "-5", null)).toBe("-5");
  expect(laterCursor("number", null, null)).toBeNull();
});

describe("the next bound", () => {
  const rule: BoundRule = {
    kind: "timestamp",
    candidate: "2026-01-01T10:00:00.000Z",
    current: "2026-01-01T09:00:00.000Z",
    runStartedAt: new Date("2026-01-01T12:00:00.000Z"),
    lookbackMs: 0,
  };
  test("is the candidate", () => expect(nextBound(rule)).toBe("2026-01-01T10:00:00.000Z"));
  test("stays without a candidate", () => expect(nextBound({ ...rule, candidate: null })).toBe(rule.current));
  test("is never past the run's start", () =>
    expect(nextBound({ ...rule, candidate: "2099-01-01T00:00:00.000Z" })).toBe("2026-01-01T12:00:00.000Z"));
  test("keeps the lookback before the run's start", () =>
    expect(nextBound({ ...rule, candidate: "2026-01-01T11:59:00.000Z", lookbackMs: 3_600_000 })).toBe(
      "2026-01-01T11:00:00.000Z",
    ));
  test("never moves backward", () => {
    expect(nextBound({ ...rule, candidate: "2026-01-01T08:00:00.000Z" })).toBe(rule.current);
    expect(nextBound({ ...rule, lookbackMs: 86_400_000 })).toBe(rule.current);
  });
  test("of numbers knows no clock", () =>
    expect(nextBound({ ...rule, kind: "number", candidate: "10", current: "9" })).toBe("10"));
});
