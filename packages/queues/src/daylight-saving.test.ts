import { getNextMillis } from "bullmq";
import { expect, test } from "vitest";

/* The rule of Job Schedulers for their next time, which docs/source-reference.md promises; nothing of ours is between. */

function dueAfter(instant: string, cron: string, times: number): string[] {
  let at = Date.parse(instant);
  return Array.from({ length: times }, () => {
    at = getNextMillis(at, { pattern: cron, tz: "Europe/Berlin" }) ?? Number.NaN;
    return new Date(at).toISOString().slice(0, 16);
  });
}

// Clocks go from 02:00 to 03:00 at 01:00Z on 29 March 2026, and from 03:00 back to 02:00 at 01:00Z on 25 October.

test("a time that is skipped is due all the same, an hour later by the clock, and the next day in time again", () => {
  expect(dueAfter("2026-03-28T12:00:00Z", "30 2 * * *", 2)).toEqual(["2026-03-29T01:30", "2026-03-30T00:30"]);
});

test("a rule with several times in the hour that is skipped is due once", () => {
  expect(dueAfter("2026-03-28T12:00:00Z", "*/20 2 * * *", 2)).toEqual(["2026-03-29T01:00", "2026-03-30T00:00"]);
});

test("a time that comes twice is due once, at the first", () => {
  expect(dueAfter("2026-10-24T12:00:00Z", "30 2 * * *", 2)).toEqual(["2026-10-25T00:30", "2026-10-26T01:30"]);
});

test("a rule for every hour is due in each hour that there is", () => {
  expect(dueAfter("2026-03-29T00:30:00Z", "0 * * * *", 2)).toEqual(["2026-03-29T01:00", "2026-03-29T02:00"]);
  expect(dueAfter("2026-10-24T23:30:00Z", "0 * * * *", 3)).toEqual([
    "2026-10-25T00:00",
    "2026-10-25T01:00",
    "2026-10-25T02:00",
  ]);
});
