import { expect, test } from "vitest";
import { growthChart } from "./chart.ts";
import { mediansOf, type Point } from "./measure.ts";
import { chartsOf, growthTable, withGrowth } from "./report.ts";
import type { Growth } from "./results.ts";
import { stepsOf } from "./table.ts";
import { ways } from "./ways.ts";

const point = (at: number, value: number, series = ""): Point => ({ series, at, figures: { perSecond: value } });
const chart = { title: "a title", at: "jobs", panels: [{ label: "jobs a second", lines: { "": "perSecond" } }] };
const positions = (svg: string, name: "cx" | "cy") =>
  [...svg.matchAll(new RegExp(` ${name}="([\\d.]+)"`, "g"))].map((match) => Number(match[1]));

test("sizes are drawn as powers, nothing a power below the first, and values from 0", () => {
  const svg = growthChart(chart, [point(0, 100), point(1_000, 100), point(10_000, 50), point(100_000, 200)]);
  const [zero = 0, first = 0, second = 0, third = 0] = positions(svg, "cx");
  expect([second - zero, third - first].map(Math.round)).toEqual(
    [2, 2].map((steps) => Math.round(steps * (first - zero))),
  );
  const [hundred = 0, , fifty = 0, most = 0] = positions(svg, "cy");
  expect((hundred - most) / (fifty - hundred)).toBeCloseTo(2, 1);
  expect(svg).toMatch(/>100k<[\s\S]*>jobs</);
});

test("each series has a line and is named", () => {
  const svg = growthChart(chart, [point(1, 10, "Redis"), point(10, 10, "Redis"), point(1, 5, "Postgres")]);
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  expect(svg).toMatch(/>Redis<[\s\S]*>Postgres</);
});

test("of the rounds the medians are kept, size by size", () => {
  const rounds = [1, 3, 2].map((factor) => [point(1, 10 * factor), point(10, 100 * factor)]);
  expect(mediansOf(rounds)).toEqual([point(1, 20), point(10, 200)]);
});

test("steps of a table go from one bound that was passed to the next", () => {
  const reading = (done: number, seconds: number) => ({ atMs: 1_000 * seconds, done, cpuMs: { all: 50 * seconds } });
  const readings = [reading(0, 1), reading(10_000, 2), reading(110_000, 4), reading(150_000, 6)];
  expect(stepsOf(readings, 150_000)).toEqual([
    { series: "", at: 100_000, figures: { perSecond: 50_000, cpuPerMillion: 1 } },
    { series: "", at: 150_000, figures: { perSecond: 20_000, cpuPerMillion: 2.5 } },
  ]);
});

test("the page takes what was measured between its marks, and what was not is left out", () => {
  const machine = { cores: 2, processor: "a fast one", memoryGiB: 4, node: "v24" };
  const growth: Growth = {
    depth: { date: "2026-01-01", machine, rounds: 3, points: [point(1_000, 1_234.5, "Redis")] },
  };
  const made = withGrowth("before\n<!-- growth -->\nold\n<!-- /growth -->\nafter\n", growth);
  expect(made).toMatch(
    /^before\n<!-- growth -->\n### Jobs that wait\n[\s\S]*\| Redis \| 1,000 \| 1,235 \|[\s\S]*\nafter\n$/,
  );
  expect(made).toContain("2026-01-01");
  expect(made).toContain("medians of 3 rounds");
  expect(made).not.toMatch(/\nold\n|growth-table/);
  expect(chartsOf(growth).map(([name]) => name)).toEqual(["growth-depth.svg"]);
});

test("a table has a column for each figure, and one for the series where there are several", () => {
  expect(growthTable(ways.table, []).split("\n")[0]).toBe("| rows | records/s | CPU s per million records |");
  expect(growthTable(ways.depth, [])).toMatch(/^\| queue \| waiting \|/);
});
