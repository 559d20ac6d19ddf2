import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { waitUntil } from "@penstock/testing/wait-until";
import { type LongPull, startLongPull } from "../long-pull.ts";
import { type Api, createPlace, type Place, type Servers } from "../place.ts";
import type { Scenario } from "../scenarios.ts";
import { type Change, cpuOf, type Reading, watch } from "./reading.ts";

const sources = join(import.meta.dirname, "sources");
/** For what is done only once, and for code to get warm. */
const settleMs = 5_000;

/** Pages of 100, of which there are more than are looked at. */
export const small: Scenario = {
  backend: "Postgres + Redis",
  records: 500_000,
  recordBytes: 200,
  pageSize: 100,
  latencyMs: 0,
};

export type PullOptions = { servers: Servers; api: Api; records: number; streams: number; fetchers?: number };

export type Pull = LongPull & { place: Place; env: Record<string, string>; read(): Promise<Reading> };

/** Streams of so many records each, that all start at once. */
export async function startPull(options: PullOptions, own: AsyncDisposableStack, more = {}): Promise<Pull> {
  const { servers, api, records, streams, fetchers = 1 } = options;
  const place = await createPlace(small, servers, `${api.url}/${records}`, own);
  const env = { GROWN_STREAMS: String(streams), ...more };
  const pull = await startLongPull(small, place, env, own, { sources, fetchers });
  return { ...pull, place, env: { ...env, PENSTOCK_SOURCES_DIR: sources }, read: () => readingOf(pull, servers) };
}

export async function readingOf(pull: LongPull, servers: Servers): Promise<Reading> {
  return { atMs: performance.now(), done: await pull.records(), cpuMs: await cpuOf(pull.running, servers) };
}

/** A while of streams that all go on and on, from when each has begun; what was done is pages. */
export async function watchPull(options: PullOptions, seconds: number, more = {}): Promise<Change> {
  await using own = new AsyncDisposableStack();
  const pull = await startPull(options, own, more);
  const { streams } = options;
  await pull.running.whileAlive(
    waitUntil(async () => (await pull.ask("SELECT count(*) FROM runs WHERE pages > 0")) >= streams, {
      what: `${streams} streams to have begun`,
      timeoutMs: 300_000,
      intervalMs: 200,
    }),
  );
  await delay(settleMs);
  const change = await pull.running.whileAlive(watch(pull.read, seconds));
  if (change.done <= 0) throw new Error("nothing was stored: it has all there is, or is stuck");
  return { ...change, done: change.done / small.pageSize };
}
