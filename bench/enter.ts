import type { ChildProcess } from "node:child_process";
import { flushRedis } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { startCeiling } from "./contenders.ts";
import { openQuestions, startLongPull } from "./long-pull.ts";
import { createPlace, type Servers } from "./place.ts";
import type { Scenario } from "./scenarios.ts";
import type { Contestant } from "./slices.ts";
import type { startPenstock } from "./start-penstock.ts";
import { usageOf } from "./usage.ts";

export type Entry = {
  servers: Servers;
  apiUrl: string;
  /** The number of its database of Redis: no two have the same. */
  redis: number;
  stack: AsyncDisposableStack;
  env?: Readonly<Record<string, string>> | undefined;
  /** Of another checkout, whose Penstock it then is. */
  start?: typeof startPenstock | undefined;
};

/** A Penstock with a database, and a database of Redis, to itself, that stands still until its slice. */
export async function enter(
  name: string,
  scenario: Scenario,
  { servers, apiUrl, redis, stack, env = {}, start }: Entry,
): Promise<Contestant & { metricsUrls: readonly string[] }> {
  const place = await createPlace(scenario, servers, `${apiUrl}/${scenario.records}`, stack);
  const redisUrl = `${servers.redis.url}/${redis}`;
  await flushRedis(redisUrl);
  const { running, count } = await startLongPull(scenario, { ...place, redisUrl }, env, stack, { start });
  const turns = inTurn([...running.processes.values()], stack);
  return { name, metricsUrls: running.metricsUrls, count, ...turns };
}

/** The plain loop, the same way. */
export async function enterCeiling(
  name: string,
  scenario: Scenario,
  { servers, apiUrl, stack }: Pick<Entry, "servers" | "apiUrl" | "stack">,
): Promise<Contestant> {
  const place = await createPlace(scenario, servers, `${apiUrl}/${scenario.records}`, stack);
  const child = startCeiling(scenario, place);
  stack.defer(() => void child.kill());
  // SQLite's file is not there before the loop has made it.
  const ask = await waitUntil(() => openQuestions(scenario, place.plainUrl, stack), { what: "the loop's database" });
  await waitUntil(async () => (await ask("SELECT count(*) FROM plain")) > 0, { what: "the loop's first page" });
  const count = async () => ({
    // The API numbers its records, and a table of millions takes long to count.
    records: await ask("SELECT CAST(substr(max(id), 5) AS INTEGER) + 1 FROM plain"),
    cpuSeconds: { loop: (await usageOf(child.pid ?? 0)).cpuSeconds },
  });
  return { name, count, ...inTurn([child], stack) };
}

function inTurn(processes: readonly ChildProcess[], stack: AsyncDisposableStack): Pick<Contestant, "begin" | "end"> {
  const tellAll = (signal: NodeJS.Signals) => {
    for (const child of processes) child.kill(signal);
  };
  stack.defer(() => tellAll("SIGCONT"));
  tellAll("SIGSTOP");
  return { begin: () => tellAll("SIGCONT"), end: () => tellAll("SIGSTOP") };
}
