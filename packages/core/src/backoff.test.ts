import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

const options = { initialMs: 100, maxMs: 1_000 };

test("the ceiling doubles with each attempt up to the maximum", () => {
  expect([1, 2, 3, 4, 5, 60, 2_000].map((attempt) => backoffMs(attempt, options, () => 1))).toEqual([
    100, 200, 400, 800, 1_000, 1_000, 1_000,
  ]);
});

test("full jitter: anything from zero to the ceiling", () => {
  expect(backoffMs(3, options, () => 0)).toBe(0);
  expect(backoffMs(3, options, () => 0.5)).toBe(200);
});
