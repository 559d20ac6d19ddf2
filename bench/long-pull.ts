import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { Client } from "pg";
import type { Place } from "./place.ts";
import { type Scenario, usesPostgres } from "./scenarios.ts";
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

type LongPullOptions = {
  sources?: string;
  fetchers?: number;
  /** Of another checkout, whose Penstock it then is. */
  start?: typeof startPenstock | undefined;
};

/** A first run that is not waited for, and what it has done so far. `more` is for the sources' own variables, too. */
export async function startLongPull(
  scenario: Scenario,
  place: Place,
  more: Record<string, string>,
  stack: AsyncDisposableStack,
  { sources = ownSources, fetchers = 1, start = startPenstock }: LongPullOptions = {},
): Promise<LongPull> {
  const env = { API_BASE_URL: place.apiUrl, BATCH_SIZE: String(scenario.pageSize), ...more };
  const running = await start(scenario.backend, { place, sources, env, fetchers }, stack);
  const ask = await openQuestions(scenario, place.databaseUrl, stack);
  const records = () => ask("SELECT COALESCE(sum(inserted), 0) FROM runs");
  const cpuSeconds = async () => {
    const usages = [...running.processes].map(async ([name, { pid }]) => {
      const usage = await usageOf(pid ?? 0);
      return [name, usage.cpuSeconds] as const;
    });
    return Object.fromEntries(await Promise.all(usages));
  };
  return {
    running,
    ask,
    records,
    count: async () => ({ records: await records(), cpuSeconds: await cpuSeconds() }),
  };
}

/** A connection to a database of the scenario's kind that others write to. */
export async function openQuestions(
  scenario: Scenario,
  url: string,
  stack: AsyncDisposableStack,
): Promise<LongPull["ask"]> {
  if (!usesPostgres(scenario)) return openSqlite(url, stack);
  const client = stack.adopt(new Client({ connectionString: url }), (opened) => opened.end());
  await client.connect();
  return async (statement) => {
    const { rows } = await client.query<[unknown]>({ text: statement, rowMode: "array" });
    return Number(rows[0]?.[0] ?? 0);
  };
}

function openSqlite(url: string, stack: AsyncDisposableStack): LongPull["ask"] {
  const database = stack.adopt(new Database(fileURLToPath(url), { readonly: true }), (opened) => void opened.close());
  return async (statement) => Number(database.prepare(statement).pluck().get() ?? 0);
}
