import { expect, test } from "vitest";
import { formatDistance, formatDuration, formatShortDuration } from "./duration.ts";

test.each([
  [0, "0 ms"],
  [340, "340 ms"],
  [1_240, "1.2 s"],
  [12_400, "12 s"],
  [60_000, "1 min"],
  [320_000, "5 min 20 s"],
  [3_600_000, "1 h"],
  [2 * 86_400_000 + 3 * 3_600_000 + 59_000, "2 d 3 h"],
])("%i ms are %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [-200, "now"],
  [-61_000, "1 min ago"],
  [20_000, "in 20 s"],
  [-400 * 86_400_000, "400 d ago"],
])("%i ms from now are %s", (ms, text) => {
  expect(formatDistance(ms)).toBe(text);
});

test("short durations have one unit", () => {
  expect(formatShortDuration(5_400_000)).toBe("1 h");
});
