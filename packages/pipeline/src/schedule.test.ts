import { expect, test } from "vitest";
import { queueSchedule } from "./schedule.ts";

test("streams of one interval are spread over it, each always at the same offset", () => {
  const everyMs = 60_000;
  const offsets = Array.from({ length: 50 }, (_, i) => queueSchedule("s", `t${i}`, { everyMs }));
  expect(queueSchedule("s", "t0", { everyMs })).toEqual(offsets[0]);
  expect(new Set(offsets.map((schedule) => JSON.stringify(schedule))).size).toBeGreaterThan(40);
  for (const schedule of offsets) {
    expect(schedule).toMatchObject({ everyMs });
    const { offsetMs } = schedule as { offsetMs: number };
    expect(offsetMs).toBeGreaterThanOrEqual(0);
    expect(offsetMs).toBeLessThan(everyMs);
  }
});

test("cron schedules keep their time; with jitter, each stream is always late by the same", () => {
  const rule = { cron: "0 3 * * *", timezone: "Europe/Berlin" };
  expect(queueSchedule("s", "t", rule)).toEqual({ ...rule, delayMs: 0 });
  const delays = Array.from({ length: 50 }, (_, i) => queueSchedule("s", `t${i}`, { ...rule, jitterMs: 60_000 }));
  expect(queueSchedule("s", "t0", { ...rule, jitterMs: 60_000 })).toEqual(delays[0]);
  expect(new Set(delays.map((schedule) => JSON.stringify(schedule))).size).toBeGreaterThan(40);
});

test("a stream without schedule has none", () => {
  expect(queueSchedule("s", "t", undefined)).toBeUndefined();
});
