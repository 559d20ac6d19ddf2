import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import { waitUntil } from "@penstock/testing/wait-until";
import { type Latency, latencyOf, startAppearingApi } from "./latency/measure.ts";
import { createPlace, migrationsRoot, type Place, startServers } from "./place.ts";
import { type Backend, quickScenarios } from "./scenarios.ts";
import { startPenstock } from "./start-penstock.ts";

/*
 * npm run bench:latency: how old a record is when its row is written, for runs every second and every five; and how long it takes
 * from the command `./penstock up` in an empty folder to the first row.
 */

const seconds = 60;
const sources = join(import.meta.dirname, "latency/sources");
const backends: readonly Backend[] = ["Postgres + Redis", "SQLite + embedded"];

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
const line = (cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(" | ")} |\n`);
line(["backend", "a run every", "records", "p50, ms", "p99, ms", "most, ms", "first row after, s"]);
line(["---", "---", "---", "---", "---", "---", "---"]);
for (const backend of backends)
  for (const every of ["1s", "5s"] as const) {
    const { p50, p99, most, records, firstRowMs } = await measure(backend, every);
    line([backend, every, records, p50, p99, most, (firstRowMs / 1_000).toFixed(1)]);
  }

async function measure(backend: Backend, every: Latency["every"]): Promise<Latency & { firstRowMs: number }> {
  await using api = await startAppearingApi();
  await using own = new AsyncDisposableStack();
  const scenario = quickScenarios.find((each) => each.backend === backend);
  if (scenario === undefined) throw new Error(`no scenario on ${backend}`);
  const place = await createPlace(scenario, servers, api.url, own);
  const startedAt = Date.now();
  const env = { APPEARING_API_URL: api.url, APPEARING_EVERY: every };
  const { whileAlive } = await startPenstock(backend, { place, sources, env }, own);
  const first = await whileAlive(firstRow(place));
  const latency = await whileAlive(latencyOf(every, { api, databaseUrl: place.databaseUrl, seconds }));
  return { ...latency, firstRowMs: first - startedAt };
}

async function firstRow({ databaseUrl }: Place): Promise<number> {
  const store = await openStore({ url: databaseUrl, migrationsRoot });
  try {
    const row = await waitUntil(
      async () => (await store.queryView("SELECT first_seen_at FROM records ORDER BY first_seen_at LIMIT 1"))[0],
      { what: "the first row", timeoutMs: 60_000, intervalMs: 100 },
    );
    return Date.parse(String(row["first_seen_at"]));
  } finally {
    await store.close();
  }
}
