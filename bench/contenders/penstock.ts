import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import { waitUntil } from "@penstock/testing/wait-until";
import type { Account } from "../contenders.ts";
import { migrationsRoot, type Place } from "../place.ts";
import type { Scenario } from "../scenarios.ts";
import { startPenstock } from "../start-penstock.ts";
import { type Usage, usageOf } from "../usage.ts";

const sources = join(import.meta.dirname, "../sources");

/** Penstock's first run, from an empty database. */
export async function runPenstock({ backend, pageSize }: Scenario, place: Place): Promise<Account> {
  await using stack = new AsyncDisposableStack();
  const env = { API_BASE_URL: place.apiUrl, BATCH_SIZE: String(pageSize) };
  const { processes, whileAlive } = await startPenstock(backend, { place, sources, env }, stack);
  const { records, endedAt } = await whileAlive(endOfRun(place.databaseUrl));
  const usage: Record<string, Usage> = {};
  for (const [name, { pid }] of processes) usage[name] = await usageOf(pid ?? 0);
  return { records, endedAt, usage };
}

/** Looks five times a second, from beside. */
async function endOfRun(url: string): Promise<{ records: number; endedAt: number }> {
  const store = await openStore({ url, migrationsRoot });
  try {
    const run = await waitUntil(
      async () => (await store.queryView("SELECT status, inserted, ended_at FROM runs WHERE ended_at IS NOT NULL"))[0],
      { what: "the end of the run", timeoutMs: 300_000, intervalMs: 200 },
    );
    if (run["status"] !== "succeeded") throw new Error(`the run ended as ${run["status"]}`);
    return { records: Number(run["inserted"]), endedAt: new Date(String(run["ended_at"])).getTime() };
  } finally {
    await store.close();
  }
}
