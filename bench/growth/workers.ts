import { type Servers, startApi } from "../place.ts";
import type { Growing, GrowthOptions, Point } from "./measure.ts";
import { small, watchPull } from "./pull.ts";

const sizes = [1, 2, 4, 8];
const streams = 16;

export const workers: Growing = {
  heading: "Fetchers and a slow API",
  words: `16 streams of an API that takes 200 ms for a page of 100 records, Postgres + Redis, one scheduler, one transformer, and fetchers that send one
request at a time each (\`PENSTOCK_FETCH_CONCURRENCY=1\`), so that it takes more of them to have more requests under way. Goal: 4 fetchers at least 3.5
times as fast as one.`,
  columns: {
    at: "fetchers",
    figures: { perSecond: "records/s", times: "× one fetcher", cpuPerPage: "CPU ms a page", busy: "processors busy" },
  },
  chart: {
    title: "16 streams, 200 ms a page, by the number of fetchers",
    at: "fetchers, one request at a time each",
    panels: [
      { label: "records a second", lines: { "": "perSecond" } },
      { label: "processor time, ms a page of 100", lines: { "": "cpuPerPage" } },
    ],
  },
  measure: measureWorkers,
};

async function measureWorkers({ seconds, most }: GrowthOptions, servers: Servers): Promise<Point[]> {
  await using own = new AsyncDisposableStack();
  const { records } = small;
  const api = await startApi({ ...small, latencyMs: 200 }, own);
  const points: Point[] = [];
  for (const fetchers of sizes.filter((size) => size <= most)) {
    const options = { servers, api, records, streams, fetchers };
    const change = await watchPull(options, seconds, { PENSTOCK_FETCH_CONCURRENCY: "1" });
    const perSecond = (change.done * small.pageSize) / change.seconds;
    const cpuPerPage = change.totalCpuMs / change.done;
    const times = perSecond / (points[0]?.figures["perSecond"] ?? perSecond);
    const busy = change.totalCpuMs / 1_000 / change.seconds;
    points.push({ series: "", at: fetchers, figures: { perSecond, times, cpuPerPage, busy } });
  }
  return points;
}
