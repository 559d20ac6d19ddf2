import { join } from "node:path";
import { Client } from "pg";
import type { Place } from "./place.ts";
import type { Scenario } from "./scenarios.ts";
import type { Counted } from "./slices.ts";
import { type RunningPenstock, startPenstock } from "./start-penstock.ts";
import { usageOf } from "./usage.ts";

export type LongPull = { running: RunningPenstock; count(): Promise<Counted> };

/** A first run on Postgres that is not waited for, and what it has done so far. */
export async function startLongPull(
  { backend, pageSize }: Scenario,
  place: Place,
  more: Record<string, string>,
  stack: AsyncDisposableStack,
): Promise<LongPull> {
  const sources = join(import.meta.dirname, "sources");
  const env = { API_BASE_URL: place.apiUrl, BATCH_SIZE: String(pageSize), ...more };
  const running = await startPenstock(backend, { place, sources, env }, stack);
  const client = stack.adopt(new Client({ connectionString: place.databaseUrl }), (opened) => opened.end());
  await client.connect();
  const cpuSeconds = async () => {
    const usages = [...running.processes.values()].map(({ pid }) => usageOf(pid ?? 0));
    return (await Promise.all(usages)).reduce((sum, usage) => sum + usage.cpuSeconds, 0);
  };
  return {
    running,
    count: async () => {
      const { rows } = await client.query<{ records: number }>(
        "SELECT COALESCE(sum(inserted), 0)::int AS records FROM runs",
      );
      return { records: rows[0]?.records ?? 0, cpuSeconds: await cpuSeconds() };
    },
  };
}
