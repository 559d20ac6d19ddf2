import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Machine, Results } from "./results.ts";
import { nameOf } from "./scenarios.ts";
import type { ScenarioSummary } from "./summary.ts";
import { columns, rowsOf } from "./table.ts";

const docs = join(import.meta.dirname, "../docs");

/** Puts the figures into docs/performance.md, and their chart beside it. */
export async function writeReport(results: Results): Promise<void> {
  const path = join(docs, "performance.md");
  await writeFile(path, withFigures(await readFile(path, "utf8"), results));
  await writeFile(join(docs, "performance.svg"), chart(results.scenarios));
}

export const withFigures = (page: string, results: Results): string => withSection(page, "figures", figures(results));

/** The page with `text` between its two marks of that name. Throws when they are not there. */
export function withSection(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->\n`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no ${begin.trim()} … ${end.trim()}`);
  return `${page.slice(0, from + begin.length)}${text}${page.slice(to)}`;
}

/** A table in Markdown. */
export function tableOf(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n");
}

/** As it follows "with". */
export const machineText = ({ cores, processor, memoryGiB, node }: Machine): string =>
  `Node ${node} on ${cores} cores (${processor}) and ${memoryGiB} GiB, everything on that one machine`;

function figures({ machine, rounds, scenarios }: Results): string {
  const dates = scenarios.map(({ date }) => date).toSorted();
  const when = [...new Set([dates[0], dates.at(-1)])].join(" to ");
  return `Measured on ${when} with ${machineText(machine)}; medians of
${rounds} rounds.

${tableOf(columns, scenarios.flatMap(rowsOf))}
`;
}

const [left, width, row, top] = [300, 900, 26, 50];
const perUnit = 500;

/** A bar for each scenario: Penstock's speed as a share of the ceiling's, and how far the rounds lay apart. */
export function chart(scenarios: readonly ScenarioSummary[]): string {
  const bars = scenarios.flatMap((summary) => {
    const ratio = summary.ratios.find(({ to }) => to === "ceiling")?.ratio;
    return ratio === undefined ? [] : [{ name: nameOf(summary.scenario), ratio }];
  });
  const height = top + row * bars.length + 20;
  const x = (value: number) => (left + Math.min(value, 1.15) * perUnit).toFixed(1);
  const lines = bars.map(({ name, ratio: { median, least, most } }, i) => {
    const y = top + i * row;
    return `  <text x="${left - 8}" y="${y + 15}" text-anchor="end">${name}</text>
  <rect x="${left}" y="${y + 3}" width="${(Math.min(median, 1.15) * perUnit).toFixed(1)}" height="${row - 8}" fill="#2a78b8"/>
  <line x1="${x(least)}" x2="${x(most)}" y1="${y + 12}" y2="${y + 12}" stroke="#12344f" stroke-width="2"/>
  <text x="${Number(x(Math.max(most, median))) + 6}" y="${y + 16}">${median.toFixed(2)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
  <title>Records a second, as a share of what a plain loop does</title>
  <rect width="${width}" height="${height}" fill="#ffffff"/>
  <text x="10" y="20" font-size="14">Records a second, as a share of what a plain loop does in the same minutes</text>
  <line x1="${x(1)}" x2="${x(1)}" y1="${top - 10}" y2="${height - 10}" stroke="#b03030" stroke-dasharray="4 3"/>
  <text x="${x(1)}" y="${top - 14}" text-anchor="middle">1 = the ceiling</text>
${lines.join("\n")}
</svg>
`;
}
