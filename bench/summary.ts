import type { ContenderName } from "./contenders.ts";
import type { Measured } from "./measure.ts";
import type { Scenario } from "./scenarios.ts";

export type Spread = { median: number; least: number; most: number };

/** One contender in one scenario, over all rounds. */
export type ContenderSummary = {
  name: ContenderName;
  records: number;
  perSecond: Spread;
  /** Medians of the largest resident memory, and of processor seconds for a million records, by process. */
  peakBytes: Record<string, number>;
  cpuPerMillion: Record<string, number>;
  /** Written to files by all processes, a record. */
  writtenPerRecord: number;
  redisBytes?: number;
};

export type ScenarioSummary = {
  scenario: Scenario;
  contenders: ContenderSummary[];
  /** How many times as fast as the others Penstock is: of each round, since the machine is another one in the next. */
  ratios: { to: ContenderName; ratio: Spread }[];
};

type Round = ReadonlyMap<ContenderName, Measured>;

export function summarize(scenario: Scenario, rounds: readonly Round[]): ScenarioSummary {
  const names = [...(rounds[0]?.keys() ?? [])];
  const of = (name: ContenderName) => rounds.flatMap((round) => round.get(name) ?? []);
  return {
    scenario,
    contenders: names.toSorted(byPlace).map((name) => summarizeContender(name, of(name))),
    ratios: names
      .filter((name) => name !== "Penstock")
      .toSorted(byPlace)
      .map((to) => ({ to, ratio: spread(of("Penstock").map((own, i) => speed(own) / speed(of(to)[i]))) })),
  };
}

const order: readonly ContenderName[] = ["Penstock", "ceiling", "a job per record", "Python tutorial"];
const byPlace = (a: ContenderName, b: ContenderName) => order.indexOf(a) - order.indexOf(b);

function summarizeContender(name: ContenderName, all: readonly Measured[]): ContenderSummary {
  const { records = 0, usage = {} } = all[0] ?? {};
  const processes = Object.keys(usage);
  const medianOf = (value: (measured: Measured) => number | undefined) =>
    spread(all.map((measured) => value(measured) ?? 0)).median;
  const perProcess = (value: (measured: Measured, process: string) => number | undefined) =>
    Object.fromEntries(processes.map((process) => [process, medianOf((measured) => value(measured, process))]));
  const written = ({ usage: all }: Measured) =>
    Object.values(all).reduce((sum, { writtenBytes }) => sum + writtenBytes, 0);
  return {
    name,
    records,
    perSecond: spread(all.map(speed)),
    peakBytes: perProcess((measured, process) => measured.usage[process]?.peakBytes),
    cpuPerMillion: perProcess(
      (measured, process) => ((measured.usage[process]?.cpuSeconds ?? 0) / measured.records) * 1e6,
    ),
    writtenPerRecord: medianOf((measured) => written(measured) / measured.records),
    ...(all[0]?.redisBytes !== undefined && { redisBytes: medianOf(({ redisBytes }) => redisBytes) }),
  };
}

function speed(measured: Measured | undefined): number {
  return measured === undefined ? Number.NaN : measured.records / measured.seconds;
}

/** Of an even number the lower of both in the middle. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (i: number) => sorted[i] ?? Number.NaN;
  return { median: at(Math.floor((sorted.length - 1) / 2)), least: at(0), most: at(sorted.length - 1) };
}
