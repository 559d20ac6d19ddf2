import { styleText } from "node:util";
import { outcomes } from "@penstock/core/account";
import type { StoredLetter } from "@penstock/store/store";
import type { DemoSummary, MagnitudeBin } from "./summary.ts";

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

const barWidth = 40;

/** The demo's last words, for a person. `isColored` follows the terminal. */
export function reportDemo(summary: DemoSummary, letters: StoredLetter[], isColored: boolean): string {
  const paint: Paint = (style, text) => (isColored ? styleText(style, text, { validateStream: false }) : text);
  return [
    headline(summary, paint),
    section("What became of the records", account(summary, paint), paint),
    section("The five strongest (a query on the view usgs_earthquakes)", quakes(summary), paint),
    section("Magnitudes", histogram(summary.histogram), paint),
    section("Set aside as dead letters, whole and with the reason", letters.map(describeLetter), paint),
    section("Where it is and what to do next", next(summary), paint),
  ].join("\n\n");
}

function headline(summary: DemoSummary, paint: Paint): string {
  const mark = summary.status === "succeeded" ? paint("green", "✔") : paint("red", "✘");
  const seconds = (summary.durationMs / 1_000).toFixed(1);
  const hurdles = `past ${summary.throttled} × “slow down” (429) and ${summary.serverErrors} × “unavailable” (503)`;
  return `${mark} run ${summary.status}: ${count(summary.fetched)} records in ${summary.pages} pages, ${seconds} s, ${hurdles}`;
}

function section(title: string, lines: string[], paint: Paint): string {
  return [paint("bold", title), ...lines.map((line) => `  ${line}`)].join("\n");
}

function account(summary: DemoSummary, paint: Paint): string[] {
  const lines = outcomes.map(
    (outcome) => `${count(summary[outcome]).padStart(7)}  ${outcome === "deadLettered" ? "dead-lettered" : outcome}`,
  );
  return [...lines, paint("dim", `${count(summary.fetched).padStart(7)}  fetched – the sum of the above, as always`)];
}

function quakes(summary: DemoSummary): string[] {
  return summary.strongest.map(({ magnitude, time, place, depthKm }) => {
    return `M ${magnitude.toFixed(1)}  ${time.slice(0, 16).replace("T", " ")} UTC  ${place} (${depthKm.toFixed(0)} km deep)`;
  });
}

function histogram(bins: MagnitudeBin[]): string[] {
  const most = Math.max(...bins.map((bin) => bin.count), 1);
  return bins.map(({ from, count: quantity }) => {
    const bar = "█".repeat(Math.ceil((quantity / most) * barWidth));
    return `${String(from).padStart(2)} to ${String(from + 1).padStart(2)}  ${bar} ${count(quantity)}`;
  });
}

function describeLetter(letter: StoredLetter): string {
  const met = letter.attempts > 1 ? `, met ${letter.attempts} times` : "";
  return `${letter.code}${letter.path === null ? "" : ` at ${letter.path}`}${letter.key === null ? "" : ` (${letter.key})`}: ${letter.message}${met}`;
}

function next(summary: DemoSummary): string[] {
  const dataDir = summary.database.replace(/\/[^/]*$/, "");
  return [
    `sqlite3 ${summary.database} 'select time, magnitude, place from usgs_earthquakes limit 5'`,
    `PENSTOCK_DATA_DIR=${dataDir} ./penstock status`,
    `PENSTOCK_DATA_DIR=${dataDir} ./penstock dead-letters list`,
    "./penstock demo again: every row is unchanged, the letters are the same ones",
    "./penstock run usgs, with a network: the same from the real API",
    "docs/adding-a-source.md: an API of your own in 20 lines",
  ];
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
