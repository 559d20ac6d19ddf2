import type { Account } from "@penstock/core/account";
import type { Run } from "@penstock/core/run";
import type { Store } from "@penstock/store/store";

export type Quake = { time: string; magnitude: number; place: string; depthKm: number };
export type MagnitudeBin = { from: number; count: number };

export type DemoSummary = {
  run: string;
  status: string;
  pages: number;
  durationMs: number;
  recordsPerSecond: number;
  rows: number;
  deadLettersOpen: number;
  strongest: Quake[];
  histogram: MagnitudeBin[];
  throttled: number;
  serverErrors: number;
  database: string;
} & Account;

/** What the demo tells at its end: the run's account, and answers of SQL queries on the view it filled. */
export async function summarize(
  store: Store,
  run: Run,
  seen: { throttled: number; serverErrors: number; database: string },
): Promise<DemoSummary> {
  const durationMs = (run.endedAt ?? new Date()).getTime() - run.startedAt.getTime();
  const [counted] = await store.queryView("SELECT count(*) AS count FROM usgs_earthquakes");
  return {
    run: run.runId,
    status: run.status,
    pages: run.pages,
    ...run.account,
    durationMs,
    recordsPerSecond: Math.round(run.account.fetched / (durationMs / 1_000)),
    rows: Number(counted?.["count"]),
    deadLettersOpen: await store.countLetters({ source: run.source, stream: run.stream, status: "open" }),
    strongest: await strongest(store),
    histogram: await histogram(store),
    ...seen,
  };
}

async function strongest(store: Store): Promise<Quake[]> {
  const rows = await store.queryView(
    "SELECT time, magnitude, place, depth_km FROM usgs_earthquakes WHERE magnitude IS NOT NULL ORDER BY magnitude DESC, time LIMIT 5",
  );
  return rows.map((row) => ({
    time: new Date(String(row["time"])).toISOString(),
    magnitude: Number(row["magnitude"]),
    place: String(row["place"] ?? ""),
    depthKm: Number(row["depth_km"]),
  }));
}

async function histogram(store: Store): Promise<MagnitudeBin[]> {
  const rows = await store.queryView(
    "SELECT floor(magnitude) AS bin, count(*) AS count FROM usgs_earthquakes WHERE magnitude IS NOT NULL GROUP BY 1 ORDER BY 1",
  );
  return rows.map((row) => ({ from: Number(row["bin"]), count: Number(row["count"]) }));
}
