import { setTimeout as delay } from "node:timers/promises";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import { createLogger } from "@penstock/telemetry/logger";
import { type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { waitUntil } from "@penstock/testing/wait-until";
import { Redis } from "ioredis";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chaosRecords } from "./api.ts";
import { type ChaosProcess, startChaosProcess } from "./chaos-process.ts";
import { alwaysWrong, differences } from "./invariants.ts";
import { hasServers, type Installation, install, migrationsRoot, type Servers, startServers } from "./servers.ts";

/*
 * A process whose database or queue is away, or takes nothing, for longer than a job's lock: it stays, spends no attempt – a
 * request has one here – makes no letter, keeps what its queue holds within bounds, and goes on by itself.
 */

const longerThanLocksMs = 5_000;
const pageSize = 20;
/** Jobs that wait before fetchers hold back, and what they may weigh: a page here has 20 records of 8 kB that do not compress. */
const backlogHigh = 20;
const pageBytes = pageSize * 8_000 * (4 / 3);
const stack = new AsyncDisposableStack();
let servers: Servers;
let installation: Installation;
let store: Store;
let api: ExternalApi;
let process: ChaosProcess;

beforeAll(async () => {
  if (!hasServers()) return;
  servers = await startServers(stack);
  installation = await install({ database: "postgresql", queue: "redis" }, servers, stack);
  store = stack.adopt(await openStore({ url: installation.database.url, migrationsRoot }), (opened) => opened.close());
  api = stack.adopt(await startExternalApi({ records: more(0, pageSize) }), (started) => started.close());
  process = await startChaosProcess({
    databaseUrl: installation.database.url,
    queue: installation.queue,
    apiUrl: api.url,
    pageSize,
    isDeduplicated: true,
    hasScheduler: true,
    failures: [],
    env: { CHAOS_ATTEMPTS: "1", PENSTOCK_BACKLOG_HIGH: String(backlogHigh) },
    disturb: (jobs) => jobs,
    logger: createLogger({ app: "chaos", level: "silent", format: "json" }),
    onDeath: () => undefined,
  });
  stack.defer(() => process.end());
});
afterAll(() => stack.disposeAsync());

const more = (from: number, count: number) => chaosRecords({ from, count, isBad: () => false, ballastBytes: 8_000 });
const add = (count: number) => api.add(more(api.records.length, count));

async function expectAll(): Promise<void> {
  const isDone = async () => (await differences(store, api.records)).length === 0;
  await waitUntil(isDone, { what: "every record to be stored", timeoutMs: 90_000, intervalMs: 100 });
  expect(await alwaysWrong(store, api.records)).toEqual([]);
  expect(await store.countLetters({})).toBe(0);
}

async function asAdministrator(work: (client: Client, database: string) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: servers.postgres.url });
  await client.connect();
  try {
    await work(client, new URL(installation.database.url).pathname.slice(1));
  } finally {
    await client.end();
  }
}

const setReadOnly = (isOn: boolean) =>
  asAdministrator(async (client, name) => {
    await client.query(`ALTER DATABASE ${name} SET default_transaction_read_only = ${isOn ? "on" : "off"}`);
    await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
  });

const outages: { what: string; begin: () => Promise<unknown>; end: () => Promise<unknown> }[] = [
  { what: "Postgres is down", begin: () => servers.postgres.stop(), end: () => servers.postgres.start() },
  { what: "Postgres is a replica", begin: () => setReadOnly(true), end: () => setReadOnly(false) },
  { what: "Redis is down", begin: () => servers.redis.kill(), end: () => servers.redis.start() },
];

describe.runIf(hasServers())("an outage that is longer than a job's lock", () => {
  test.each(outages)("$what: no attempt is spent, nothing is put aside, and it goes on", async ({ begin, end }) => {
    await expectAll();
    add(200);
    await waitUntil(() => api.requests.some(({ given }) => given === pageSize), { what: "it to be at work" });
    await begin();
    await delay(longerThanLocksMs);
    await end();
    add(20);
    await expectAll();
  });

  test("a sink that stands still: the queue stays small, fetchers hold back and go on", async () => {
    await expectAll();
    const redis = stack.adopt(new Redis(servers.redis.url), (connected) => connected.disconnect());
    const usedBytes = async () => Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
    const before = {
      bytes: await usedBytes(),
      requests: api.requests.filter(({ given }) => given === pageSize).length,
    };
    const largest = { bytes: 0, backlog: 0 };
    const url = installation.database.url;
    const sink = new Client({ connectionString: url });
    await sink.connect();
    try {
      add(pageSize * backlogHigh * 3);
      const requests = () => api.requests.filter(({ given }) => given === pageSize).length - before.requests;
      await waitUntil(() => requests() > 2, { what: "a run to be at it", intervalMs: 1 });
      await sink.query("BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE");
      await waitUntil(() => requests() > backlogHigh, { what: "fetchers to run ahead", timeoutMs: 60_000 });
      let last = { requests: -1, at: performance.now() };
      // Willing as the source is, nobody asks it any more.
      while (performance.now() - last.at < longerThanLocksMs) {
        if (requests() !== last.requests) last = { requests: requests(), at: performance.now() };
        const backlog = (await process.context()?.queues.transformBacklog()) ?? 0;
        largest.bytes = Math.max(largest.bytes, await usedBytes());
        largest.backlog = Math.max(largest.backlog, backlog);
        await delay(50);
      }
    } finally {
      await sink.end();
    }
    expect(largest.backlog).toBeGreaterThan(backlogHigh);
    // A page for each fetcher that was on its way, and what was asked within the 200 ms that an answer is believed.
    expect(largest.backlog).toBeLessThan(backlogHigh * 2);
    expect(largest.bytes - before.bytes).toBeLessThan(backlogHigh * 2 * pageBytes * 1.5);
    await expectAll();
  });
});
