import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ScenarioSummary } from "./summary.ts";

export type Results = {
  machine: { cores: number; processor: string; memoryGiB: number; node: string; date: string };
  rounds: number;
  scenarios: ScenarioSummary[];
};

/** `full` is what docs/performance.md is made of, `quick` what CI compares with. */
export type ResultsKind = "full" | "quick";

const pathOf = (kind: ResultsKind) => join(import.meta.dirname, "results", `${kind}.json`);

export const readResults = async (kind: ResultsKind): Promise<Results> =>
  JSON.parse(await readFile(pathOf(kind), "utf8"));

/** Four digits are more than can be measured. */
export async function writeResults(kind: ResultsKind, results: Results): Promise<void> {
  const rounded = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  await writeFile(pathOf(kind), `${JSON.stringify(results, rounded, 2)}\n`);
}
