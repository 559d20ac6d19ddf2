import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chart, withFigures } from "./report.ts";
import { readResults } from "./results.ts";
import { fullScenarios, nameOf, quickScenarios } from "./scenarios.ts";

const docs = (name: string) => readFile(join(import.meta.dirname, "../docs", name), "utf8");

test("docs/performance.md and its chart say what was measured", async () => {
  const results = await readResults("full");
  const page = await docs("performance.md");
  expect(withFigures(page, results)).toBe(page);
  expect(await docs("performance.svg")).toBe(chart(results.scenarios));
});

test.each([
  ["full", fullScenarios],
  ["quick", quickScenarios],
] as const)("there are committed figures for every scenario of the %s form, and no others", async (kind, scenarios) => {
  const { scenarios: measured } = await readResults(kind);
  expect(measured.map(({ scenario }) => nameOf(scenario))).toEqual(scenarios.map(nameOf));
});
