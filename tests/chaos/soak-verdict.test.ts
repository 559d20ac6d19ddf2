import { expect, test } from "vitest";
import { type Sample, verdict } from "./soak-verdict.ts";

function samples(of: (records: number) => { perSecond?: number; memoryBytes?: number }): Sample[] {
  let ms = 0;
  return Array.from({ length: 101 }, (_, i) => {
    const { perSecond = 100, memoryBytes = 1_000 } = of(i * 10);
    ms += (10 / perSecond) * 1_000;
    return { ms, records: i * 10, memoryBytes };
  });
}

test("what stays as it is after the warm-up is well", () => {
  const { lines, problems } = verdict(
    samples((records) => (records < 90 ? { perSecond: 20, memoryBytes: 5_000 } : {})),
    1_000,
  );
  expect(problems).toEqual([]);
  expect(lines[1]).toMatch(/^tenth 2: 100 records\/s/);
  expect(lines).toHaveLength(11);
});

test("memory that grows and a throughput that falls are told", () => {
  expect(
    verdict(
      samples((records) => ({ memoryBytes: 1_000 + records })),
      1_000,
    ).problems,
  ).toEqual(["memory grew by a factor of 1.67"]);
  expect(
    verdict(
      samples((records) => (records > 850 ? { perSecond: 50 } : {})),
      1_000,
    ).problems,
  ).toHaveLength(1);
});

test("a pause is no slowdown, half a tenth at half the speed is", () => {
  const slowAt = (isSlow: (records: number) => boolean) =>
    verdict(
      samples((records) => ({ perSecond: isSlow(records / 10) ? 1 : 10 })),
      1_000,
    ).problems;
  expect(slowAt((sample) => sample === 95)).toEqual([]);
  expect(slowAt((sample) => sample > 94)).toHaveLength(1);
});
