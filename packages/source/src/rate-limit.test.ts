import { expect, test } from "vitest";
import { rateLimitOf, waitMsOf } from "./rate-limit.ts";

const now = new Date("2026-01-31T12:00:00Z");
const inHalfAMinute = now.getTime() + 30_000;

test.each([
  ["an instant in seconds", String(inHalfAMinute / 1_000), 30_000],
  ["an instant in milliseconds", String(inHalfAMinute), 30_000],
  ["an instant with a fraction", String(inHalfAMinute / 1_000 + 0.25), 30_250],
  ["a span in seconds", "30", 30_000],
  ["an instant gone by", String(now.getTime() / 1_000 - 5), 0],
  ["zero", "0", 0],
  ["a year", String(365 * 86_400), 3_600_000],
  ["a date in ISO 8601", "2026-01-31T12:00:30Z", 30_000],
  ["an HTTP date", "Sat, 31 Jan 2026 12:00:30 GMT", 30_000],
  ["no number", "soon", null],
])("a reset that is %s", (_, reset, resetMs) => {
  for (const prefix of ["ratelimit-", "x-ratelimit-", "x-rate-limit-"]) {
    const headers = { [`${prefix}remaining`]: "7", [`${prefix}limit`]: "100", [`${prefix}reset`]: reset };
    expect(rateLimitOf(headers, now)).toEqual({ remaining: 7, limit: 100, resetMs });
  }
});

test.each([
  ['"default";r=50;t=30', { remaining: 50, limit: null, resetMs: 30_000 }],
  ['"burst";r=5;t=1, "daily";r=2;t=600', { remaining: 2, limit: null, resetMs: 600_000 }],
  ["limit=100, remaining=50, reset=30", { remaining: 50, limit: 100, resetMs: 30_000 }],
  ['"default";q=100', undefined],
])("the structured field %s", (ratelimit, expected) => {
  expect(rateLimitOf({ ratelimit }, now)).toEqual(expected);
});

test("a limit with its window, and nothing about the reset", () => {
  const headers = { "ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "0" };
  expect(rateLimitOf(headers, now)).toEqual({ remaining: 0, limit: 100, resetMs: null });
});

test("headers that do not say what is left", () => {
  expect(rateLimitOf({ "x-ratelimit-limit": "100", "x-ratelimit-reset": "30" }, now)).toBeUndefined();
  expect(rateLimitOf({}, now)).toBeUndefined();
});

test("only after the last request that is allowed there is something to wait for", () => {
  expect(waitMsOf({ remaining: 0, limit: 100, resetMs: 30_000 })).toBe(30_000);
  expect(waitMsOf({ remaining: 1, limit: 100, resetMs: 30_000 })).toBeUndefined();
  expect(waitMsOf({ remaining: 0, limit: 100, resetMs: 0 })).toBeUndefined();
  expect(waitMsOf({ remaining: 0, limit: 100, resetMs: null })).toBeUndefined();
  expect(waitMsOf(undefined)).toBeUndefined();
});
