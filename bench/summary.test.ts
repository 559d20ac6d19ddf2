import { expect, test } from "vitest";
import type { ContenderName } from "./contenders.ts";
import { allowedShare, regressions } from "./guard.ts";
import type { Measured } from "./measure.ts";
import { chart, withFigures } from "./report.ts";
import { quickScenarios, type Scenario } from "./scenarios.ts";
import { spread, summarize } from "./summary.ts";

const scenario = quickScenarios[0] as Scenario;

function measured(perSecond: number, redisBytes?: number): Measured {
  const usage = {
    fetcher: { cpuSeconds: 2, peakBytes: 3e6, writtenBytes: 500 },
    redis: { cpuSeconds: 1, peakBytes: 9e6, writtenBytes: 500 },
  };
  return { records: 1_000, seconds: 1_000 / perSecond, usage, ...(redisBytes !== undefined && { redisBytes }) };
}

const round = (own: number, ceiling: number): ReadonlyMap<ContenderName, Measured> =>
  new Map([
    ["ceiling", measured(ceiling)],
    ["Penstock", measured(own, 4e6)],
  ]);

test("the median of an even number is the lower of both in the middle", () => {
  expect(spread([4, 1, 3, 2])).toEqual({ median: 2, least: 1, most: 4 });
});

test("ratios are those of each round, whatever the machine did in the others", () => {
  const { ratios } = summarize(scenario, [round(100, 200), round(10, 20), round(50, 40)]);
  expect(ratios).toEqual([{ to: "ceiling", ratio: { median: 0.5, least: 0.5, most: 1.25 } }]);
});

test("what was taken is told for a million records, and by process", () => {
  const [own] = summarize(scenario, [round(100, 200)]).contenders;
  expect(own).toMatchObject({
    name: "Penstock",
    perSecond: { median: 100 },
    cpuPerMillion: { fetcher: 2_000, redis: 1_000 },
    peakBytes: { fetcher: 3e6, redis: 9e6 },
    writtenPerRecord: 1,
    redisBytes: 4e6,
  });
});

test("a ratio that is worse by more than noise is a regression, and so is a scenario that was not measured", () => {
  const committed = [summarize(scenario, [round(100, 100)])];
  const slower = (by: number) => [summarize(scenario, [round(100 * by, 100)])];
  expect(regressions(slower(allowedShare), committed)).toEqual([]);
  expect(regressions(slower(allowedShare - 0.01), committed)).toHaveLength(1);
  expect(regressions([], committed)).toEqual([expect.stringContaining("was not measured")]);
});

test("the page takes the figures between its marks, and the chart a bar for each scenario", () => {
  const scenarios = [{ ...summarize(scenario, [round(100, 200)]), date: "2026-01-01" }];
  const machine = { cores: 2, processor: "a <fast> one", memoryGiB: 4, node: "v24" };
  const page = "before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n";
  const made = withFigures(page, { machine, rounds: 1, scenarios });
  expect(made).toMatch(
    /^before\n<!-- figures -->\nMeasured on 2026-01-01[\s\S]*\| 100 \(100 – 100\) \|[\s\S]*<!-- \/figures -->\nafter\n$/,
  );
  expect(made).not.toContain("old");
  expect(chart(scenarios).match(/<rect x=/g)).toHaveLength(1);
  expect(() => withFigures("nothing", { machine, rounds: 1, scenarios })).toThrow("docs/performance.md");
});
