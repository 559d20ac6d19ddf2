import { nameOf } from "./scenarios.ts";
import type { ContenderSummary, ScenarioSummary, Spread } from "./summary.ts";

export const columns = [
  "scenario",
  "program",
  "records/s (least – most)",
  "Penstock is × as fast",
  "CPU s per million records",
  "peak memory, MB",
  "Redis, MB",
  "written, kB a record",
] as const;

/** A row for each contender of each scenario. */
export function rowsOf({ scenario, contenders, ratios }: ScenarioSummary): string[][] {
  return contenders.map((contender, i) => [
    i === 0 ? nameOf(scenario) : "",
    contender.name,
    speedOf(contender.perSecond),
    ratioOf(ratios.find(({ to }) => to === contender.name)?.ratio),
    processorOf(contender),
    Object.entries(contender.peakBytes)
      .filter(([process]) => !isServer(process))
      .map(([process, bytes]) => named(contender, process, Math.round(bytes / 1e6)))
      .join(", "),
    contender.redisBytes === undefined ? "" : (contender.redisBytes / 1e6).toFixed(1),
    (contender.writtenPerRecord / 1_000).toFixed(1),
  ]);
}

const isServer = (process: string) => process === "postgres" || process === "redis";
const count = (value: number) => Math.round(value).toLocaleString("en");
const speedOf = ({ median, least, most }: Spread) => `${count(median)} (${count(least)} – ${count(most)})`;

function ratioOf(ratio: Spread | undefined): string {
  return ratio === undefined ? "" : ratio.median < 10 ? ratio.median.toFixed(2) : ratio.median.toFixed(0);
}

function processorOf(contender: ContenderSummary): string {
  const entries = Object.entries(contender.cpuPerMillion);
  const sum = entries.reduce((total, [, seconds]) => total + seconds, 0);
  if (entries.length === 1) return count(sum);
  return `${count(sum)}: ${entries.map(([process, seconds]) => named(contender, process, Math.round(seconds))).join(", ")}`;
}

function named({ peakBytes }: ContenderSummary, process: string, value: number): string {
  const isOnly = Object.keys(peakBytes).filter((each) => !isServer(each)).length === 1 && !isServer(process);
  return isOnly ? String(value) : `${process} ${value}`;
}
