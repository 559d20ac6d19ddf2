import { expect, test } from "vitest";
import { type Duration, durationMs, every } from "./duration.ts";

test("units", () => {
  expect((["250ms", "30s", "1.5m", "1h", "7d", "2w"] as const).map(durationMs)).toEqual([
    250, 30_000, 90_000, 3_600_000, 604_800_000, 1_209_600_000,
  ]);
  expect(every("1m")).toEqual({ everyMs: 60_000 });
});

test("what is no duration is refused", () => {
  for (const text of ["-1s", "1e3s"] satisfies Duration[]) expect(() => durationMs(text)).toThrow(RangeError);
  // @ts-expect-error: years are no unit
  expect(() => durationMs("1y")).toThrow(/"1y" is no duration/);
});
