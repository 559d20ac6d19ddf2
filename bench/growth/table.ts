import { waitUntil } from "@penstock/testing/wait-until";
import { startLongPull } from "../long-pull.ts";
import { createPlace, type Servers, startApi } from "../place.ts";
import type { Scenario } from "../scenarios.ts";
import type { Growing, GrowthOptions, Point } from "./measure.ts";
import { readingOf } from "./pull.ts";
import { changeBetween, type Reading } from "./reading.ts";

const bounds = [1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7];

export const table: Growing = {
  heading: "Rows in the table",
  words: `One run on Postgres + Redis, pages of 1,000 records of 0.2 kB, into a table that is empty at first; each line is from the line before it
to so many rows. The first holds the start of all code.`,
  columns: { at: "rows", figures: { perSecond: "records/s", cpuPerMillion: "CPU s per million records" } },
  chart: {
    title: "One run, by the rows that the table has",
    at: "rows in the table",
    panels: [
      { label: "records a second", lines: { "": "perSecond" } },
      { label: "processor time, s per million records", lines: { "": "cpuPerMillion" } },
    ],
  },
  measure: measureTable,
};

async function measureTable({ records }: GrowthOptions, servers: Servers): Promise<Point[]> {
  await using own = new AsyncDisposableStack();
  const scenario: Scenario = {
    backend: "Postgres + Redis",
    records,
    recordBytes: 200,
    pageSize: 1_000,
    latencyMs: 0,
  };
  const api = await startApi(scenario, own);
  const place = await createPlace(scenario, servers, `${api.url}/${records}`, own);
  await using running = new AsyncDisposableStack();
  const pull = await startLongPull(scenario, place, {}, running);
  const readings: Reading[] = [];
  const isDone = async () => {
    readings.push(await readingOf(pull, servers));
    return (readings.at(-1)?.done ?? 0) >= records;
  };
  const patience = { what: `${records} records`, timeoutMs: 7_200_000, intervalMs: 250 };
  await pull.running.whileAlive(waitUntil(isDone, patience));
  return stepsOf(readings, records);
}

/** From each bound that was passed to the next, as exactly as it was looked at. */
export function stepsOf(readings: readonly Reading[], records: number): Point[] {
  const ends = [...bounds.filter((bound) => bound < records), records];
  const passed = [1, ...ends].map((bound) => readings.find(({ done }) => done >= bound));
  return ends.flatMap((at, i) => {
    const [before, after] = [passed[i], passed[i + 1]];
    if (before === undefined || after === undefined || before === after) return [];
    const { done, seconds, totalCpuMs } = changeBetween(before, after);
    const figures = { perSecond: done / seconds, cpuPerMillion: (1_000 * totalCpuMs) / done };
    return [{ series: "", at, figures }];
  });
}
