import { expect, test } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const now = new Date("2026-01-31T12:00:00Z");

test.each([
  ["2", 2_000],
  [" 30 ", 30_000],
  ["0.5", 500],
  ["0", 100],
  ["3600", 3_600_000],
  ["86400", 86_400_000],
  ["Sat, 31 Jan 2026 12:00:10 GMT", 10_000],
  ["Sat, 31 Jan 2026 11:00:00 GMT", 100],
  ["Fri, 31 Jan 2036 12:00:00 GMT", 315_532_800_000],
  ["soon", 1_000],
  ["-5", 1_000],
  ["", 1_000],
  [undefined, 1_000],
])("Retry-After: %s is %i ms", (header, expected) => expect(retryAfterMs(header, now)).toBe(expected));
