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

test("cron schedules and streams without one stay as they are", () => {
  expect(queueSchedule("s", "t", { cron: "0 3 * * *", timezone: "Europe/Berlin" })).toEqual({
    cron: "0 3 * * *",
    timezone: "Europe/Berlin",
  });
  expect(queueSchedule("s", "t", undefined)).toBeUndefined();
});
