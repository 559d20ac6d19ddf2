import { join } from "node:path";
import { parseArgs } from "node:util";
import { openStore } from "@penstock/store/open-store";
import { waitUntil } from "@penstock/testing/wait-until";
import { createPlace, migrationsRoot, startApi, startServers } from "./place.ts";
import { quickScenarios } from "./scenarios.ts";
import { startPenstock } from "./start-penstock.ts";

/*
 * npm run bench:growth -- [--records 2000000]: whether a record takes longer as the table grows. One run on Postgres + Redis, looked at
 * by how many rows were there: records a second between the commits of pages.
 */

const { values } = parseArgs({ options: { records: { type: "string", default: "2000000" } } });
const records = Number(values.records);
const steps = 10;
const [scenario] = quickScenarios;
if (scenario === undefined || !Number.isInteger(records) || records < 100_000) {
  process.stderr.write("--records takes a whole number from 100000\n");
  process.exit(2);
}

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
const api = await startApi({ ...scenario, records }, stack);
const place = await createPlace(scenario, servers, `${api.url}/${records}`, stack);
await using running = new AsyncDisposableStack();
const env = { API_BASE_URL: place.apiUrl, BATCH_SIZE: String(scenario.pageSize) };
const sources = join(import.meta.dirname, "sources");
const { whileAlive } = await startPenstock(scenario.backend, { place, sources, env }, running);
const store = await openStore({ url: place.databaseUrl, migrationsRoot });
running.defer(() => store.close());
const done = async () => (await store.queryView("SELECT status FROM runs WHERE ended_at IS NOT NULL"))[0];
await whileAlive(waitUntil(done, { what: "the end of the run", timeoutMs: 3_600_000, intervalMs: 1_000 }));
const rows = await store.queryView(`
  SELECT step, count(*) * ${scenario.pageSize} AS records, extract(epoch FROM max(committed_at) - min(committed_at)) AS seconds
  FROM (SELECT seq * ${steps} / (max(seq) OVER () + 1) AS step, committed_at FROM pages) AS p GROUP BY step ORDER BY step`);
process.stdout.write("| rows in the table | records/s |\n| --- | --- |\n");
for (const { step, records: stored, seconds } of rows) {
  const from = (Number(step) * records) / steps;
  const speed = Math.round(Number(stored) / Number(seconds)).toLocaleString("en");
  process.stdout.write(
    `| ${from.toLocaleString("en")} – ${(from + records / steps).toLocaleString("en")} | ${speed} |\n`,
  );
}
