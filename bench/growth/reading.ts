import { setTimeout as delay } from "node:timers/promises";
import type { Servers } from "../place.ts";
import type { RunningPenstock } from "../start-penstock.ts";
import { usageOf, usageOfServer } from "../usage.ts";

/** What was done and taken so far, of which only differences count. */
export type Reading = { atMs: number; done: number; cpuMs: Record<string, number> };

export type Change = { done: number; seconds: number; cpuMs: Record<string, number>; totalCpuMs: number };

export function changeBetween(before: Reading, after: Reading): Change {
  const cpuMs = Object.fromEntries(
    Object.entries(after.cpuMs).map(([name, ms]) => [name, ms - (before.cpuMs[name] ?? 0)]),
  );
  return {
    done: after.done - before.done,
    seconds: (after.atMs - before.atMs) / 1_000,
    cpuMs,
    totalCpuMs: Object.values(cpuMs).reduce((sum, ms) => sum + ms, 0),
  };
}

/** What changes within so many seconds. */
export async function watch(read: () => Promise<Reading>, seconds: number): Promise<Change> {
  const before = await read();
  await delay(seconds * 1_000);
  return changeBetween(before, await read());
}

/** Processor time of Penstock's processes and of both servers, all fetchers together. */
export async function cpuOf({ processes }: RunningPenstock, servers: Servers): Promise<Record<string, number>> {
  const cpuMs = { postgres: await serverCpuMs(servers.postgres), redis: await serverCpuMs(servers.redis) };
  const all: Record<string, number> = cpuMs;
  for (const [name, { pid }] of processes) {
    const app = name.replace(/-\d+$/, "");
    all[app] = (all[app] ?? 0) + 1_000 * (await usageOf(pid ?? 0)).cpuSeconds;
  }
  return all;
}

export async function serverCpuMs({ pid }: Servers["redis"]): Promise<number> {
  return 1_000 * (await usageOfServer(pid?.() ?? 0)).cpuSeconds;
}
