import { expect, test } from "vitest";
import { createOutage } from "./process-job.ts";

test("waits for infrastructure start between 0.5 and 2 s and grow to 5 s", () => {
  const longest = createOutage(() => 1);
  expect(longest.nextWaitMs()).toBe(2_000);
  const waits = Array.from({ length: 20 }, () => longest.nextWaitMs());
  expect(Math.max(...waits)).toBe(5_000);
  expect(waits.at(-1)).toBe(5_000);
  expect(createOutage(() => 0).nextWaitMs()).toBe(500);
});

test("the first success ends an outage", () => {
  const outage = createOutage(() => 1);
  for (let times = 0; times < 10; times++) outage.nextWaitMs();
  outage.over();
  expect(outage.nextWaitMs()).toBe(2_000);
});
