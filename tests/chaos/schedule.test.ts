import { expect, test } from "vitest";
import { drawSchedule, type Fault } from "./schedule.ts";

test("a seed draws the same schedule again, another seed another one", () => {
  expect(drawSchedule(7)).toEqual(drawSchedule(7));
  expect(drawSchedule(7)).not.toEqual(drawSchedule(8));
});

test("a thousand seeds draw every kind of fault on both databases and queues, with job ids recognised and not", () => {
  const drawn = Array.from({ length: 1_000 }, (_, seed) => drawSchedule(seed));
  const kinds = new Set(drawn.flatMap(({ faults }) => faults.map((fault: Fault) => fault.kind)));
  expect(kinds.size).toBe(8);
  expect(
    new Set(drawn.map(({ database, queue, isDeduplicated }) => `${database} ${queue} ${isDeduplicated}`)).size,
  ).toBe(8);
});
