import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { nameOf, type Scenario } from "./scenarios.ts";
import type { ScenarioSummary } from "./summary.ts";

export type Machine = { cores: number; processor: string; memoryGiB: number; node: string };

export type Results = {
  machine: Machine;
  rounds: number;
  /** Each with the day on which it was measured. */
  scenarios: (ScenarioSummary & { date: string })[];
};

/** `full` is what docs/performance.md is made of, `quick` what CI compares with. */
export type ResultsKind = "full" | "quick";

const pathOf = (kind: ResultsKind) => join(import.meta.dirname, "results", `${kind}.json`);

export const readResults = async (kind: ResultsKind): Promise<Results> =>
  JSON.parse(await readFile(pathOf(kind), "utf8"));

/**
 * Puts what was measured in the place of what was there of the same scenarios; those that `scenarios` does not name are dropped. A
 * measurement takes the better part of an hour, and one that is interrupted has kept what it had.
 */
export async function keepResults(kind: ResultsKind, measured: Results, scenarios: readonly Scenario[]): Promise<void> {
  const kept = new Map((await readResults(kind)).scenarios.map((each) => [nameOf(each.scenario), each]));
  for (const each of measured.scenarios) kept.set(nameOf(each.scenario), each);
  await writeFigures(pathOf(kind), {
    ...measured,
    scenarios: scenarios.flatMap((each) => kept.get(nameOf(each)) ?? []),
  });
}

/** This one. */
export const machine = (): Machine => ({
  cores: availableParallelism(),
  processor: cpus()[0]?.model ?? "unknown",
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
});

export const today = (): string => new Date().toISOString().slice(0, 10);

/** Four digits are more than can be measured. */
export async function writeFigures(path: string, figures: unknown): Promise<void> {
  const rounded = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  await writeFile(path, `${JSON.stringify(figures, rounded, 2)}\n`);
}
