import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { machineText, tableOf, withSection } from "../report.ts";
import { growthChart } from "./chart.ts";
import type { Growing, Point } from "./measure.ts";
import type { Grown, Growth } from "./results.ts";
import { type GrowingName, growingNames, ways } from "./ways.ts";

const docs = join(import.meta.dirname, "../../docs");

/** Puts the figures into docs/performance.md, and their charts beside it. */
export async function writeGrowth(growth: Growth): Promise<void> {
  const path = join(docs, "performance.md");
  await writeFile(path, withGrowth(await readFile(path, "utf8"), growth));
  for (const [name, svg] of chartsOf(growth)) await writeFile(join(docs, name), svg);
}

export const withGrowth = (page: string, growth: Growth): string =>
  withSection(page, "growth", measured(growth).map(sectionOf).join("\n"));

/** By the names of their files. */
export const chartsOf = (growth: Growth): [name: string, svg: string][] =>
  measured(growth).map(([name, { points }]) => [fileOf(name), growthChart(ways[name].chart, points)]);

const fileOf = (name: GrowingName) => `growth-${name}.svg`;

const measured = (growth: Growth): [GrowingName, Grown][] =>
  growingNames.flatMap((name) => {
    const grown = growth[name];
    return grown === undefined ? [] : [[name, grown] satisfies [GrowingName, Grown]];
  });

function sectionOf([name, { date, machine, rounds, points }]: [GrowingName, Grown]): string {
  const { heading, words, chart } = ways[name];
  const medians = rounds === 1 ? "" : `; medians of ${rounds} rounds`;
  return `### ${heading}

${words}

![${chart.title}: ${chart.panels.map(({ label }) => label).join("; ")}](${fileOf(name)})

${growthTable(ways[name], points)}

Measured on ${date} with ${machineText(machine)}${medians}.
`;
}

/** A line for each point. */
export function growthTable({ columns: { series, at, figures } }: Growing, points: readonly Point[]): string {
  const heads = [...(series === undefined ? [] : [series]), at, ...Object.values(figures)];
  const rows = points.map((point) => [
    ...(series === undefined ? [] : [point.series]),
    point.at.toLocaleString("en"),
    ...Object.keys(figures).map((figure) => figureText(point.figures[figure])),
  ]);
  return tableOf(heads, rows);
}

function figureText(value: number | undefined): string {
  return value === undefined ? "" : value.toLocaleString("en", { maximumSignificantDigits: value >= 1_000 ? 4 : 3 });
}
