import { join } from "node:path";
import { Client } from "pg";
import type { Place } from "./place.ts";
import type { Scenario } from "./scenarios.ts";
import type { Counted } from "./slices.ts";
import { type RunningPenstock, startPenstock } from "./start-penstock.ts";
import { usageOf } from "./usage.ts";

const ownSources = join(import.meta.dirname, "sources");

export type LongPull = {
  running: RunningPenstock;
  /** That were stored so far. */
  records(): Promise<number>;
  count(): Promise<Counted>;
  /** The first column of the first row, as a number. */
  ask(statement: string): Promise<number>;
};

/** A first run on Postgres that is not waited for, and what it has done so far. `more` is for the sources' own variables, too. */
export async function startLongPull(
  { backend, pageSize }: Scenario,
  place: Place,
  more: Record<string, string>,
  stack: AsyncDisposableStack,
  { sources = ownSources, fetchers = 1 }: { sources?: string; fetchers?: number } = {},
): Promise<LongPull> {
  const env = { API_BASE_URL: place.apiUrl, BATCH_SIZE: String(pageSize), ...more };
  const running = await startPenstock(backend, { place, sources, env, fetchers }, stack);
  const client = stack.adopt(new Client({ connectionString: place.databaseUrl }), (opened) => opened.end());
  await client.connect();
  const ask = async (statement: string) => {
    const { rows } = await client.query<[unknown]>({ text: statement, rowMode: "array" });
    return Number(rows[0]?.[0] ?? 0);
  };
  const records = () => ask("SELECT COALESCE(sum(inserted), 0) FROM runs");
  const cpuSeconds = async () => {
    const usages = [...running.processes.values()].map(({ pid }) => usageOf(pid ?? 0));
    return (await Promise.all(usages)).reduce((sum, usage) => sum + usage.cpuSeconds, 0);
  };
  return {
    running,
    ask,
    records,
    count: async () => ({ records: await records(), cpuSeconds: await cpuSeconds() }),
  };
}
