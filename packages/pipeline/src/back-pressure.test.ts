import type { Queues } from "@penstock/queues/queues";
import { expect, test } from "vitest";
import { createBackPressure } from "./back-pressure.ts";

function backlogOf(read: () => number): Pick<Queues, "transformBacklog"> {
  return { transformBacklog: async () => read() };
}

test("holds back above the mark and goes on only below half of it", async () => {
  let backlog = 0;
  let time = 0;
  const isHeldBack = createBackPressure(
    backlogOf(() => backlog),
    100,
    () => (time += 1_000),
  );
  const answers: boolean[] = [];
  for (backlog of [100, 101, 80, 51, 50, 80, 101]) answers.push(await isHeldBack());
  expect(answers).toEqual([false, true, true, true, false, false, true]);
});

test("asks the queue at most five times a second", async () => {
  let asked = 0;
  let time = 0;
  const isHeldBack = createBackPressure(
    backlogOf(() => asked++),
    100,
    () => time,
  );
  for (time = 0; time < 1_000; time += 10) await isHeldBack();
  expect(asked).toBe(5);
});
