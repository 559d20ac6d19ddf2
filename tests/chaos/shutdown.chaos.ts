import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { openStore } from "@penstock/store/open-store";
import { startExternalApi } from "@penstock/testing/simulators/external-api";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { penstock, startPenstock } from "../e2e/penstock.ts";
import { chaosRecords } from "./api.ts";
import { alwaysWrong, differences } from "./invariants.ts";
import { hasServers, install, migrationsRoot, type Servers, startServers } from "./servers.ts";

/*
 * Real processes that are told to stop while a page is on its way: they finish it within the grace period or hand it back, a second
 * signal ends them at once, and whoever comes next has nothing to mend.
 */

const stack = new AsyncDisposableStack();
let servers: Servers;
beforeAll(async () => {
  if (hasServers()) servers = await startServers(stack);
});
afterAll(() => stack.disposeAsync());

type Case = {
  /** Of the second page: its request is slow, or its commit fails as planned. */
  slowMs?: number;
  failure?: string;
  graceMs: number;
  signals: NodeJS.Signals[];
  code: number;
  withinMs: number;
  /** Pages that are committed when it has ended. */
  pages: number[];
};

const cases: (Case & { what: string })[] = [
  {
    what: "a slow answer is waited for",
    // Longer than a busy machine takes to deliver the signal.
    slowMs: 6_000,
    graceMs: 60_000,
    signals: ["SIGTERM"],
    code: 0,
    withinMs: 30_000,
    pages: [1, 2],
  },
  {
    what: "an answer that does not come is handed back when the grace is over",
    slowMs: 600_000,
    graceMs: 500,
    signals: ["SIGTERM"],
    code: 0,
    withinMs: 30_000,
    pages: [1],
  },
  {
    what: "a slow commit is finished",
    failure: "commit.records-written:2:delay=6000",
    graceMs: 60_000,
    signals: ["SIGINT"],
    code: 0,
    withinMs: 30_000,
    pages: [2, 3, 4, 5],
  },
  {
    what: "a second signal does not wait for a commit that hangs",
    failure: "commit.records-written:2:hang",
    graceMs: 600_000,
    signals: ["SIGTERM", "SIGTERM"],
    code: 1,
    withinMs: 10_000,
    pages: [1],
  },
];

describe.runIf(hasServers())("told to stop during a page", { concurrent: true }, () => {
  test.each(cases.map((each, redisNumber) => ({ ...each, redisNumber })))("$what", async (each) => {
    await using own = new AsyncDisposableStack();
    const { database, queue } = await install({ ...each, database: "sqlite", queue: "redis" }, servers, own);
    const { url } = database;
    const store = own.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    const records = chaosRecords({ count: 90, isBad: () => false });
    let slowMs = each.slowMs ?? 0;
    const slowness = (request: number) => (request === 1 ? slowMs : 0);
    const api = own.adopt(await startExternalApi({ records, slowness }), (started) => started.close());
    const env = {
      DATABASE_URL: url,
      REDIS_URL: queue.url,
      PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "sources"),
      PENSTOCK_HTTP_PORT: "0",
      PENSTOCK_API_PORT: "0",
      PENSTOCK_LOG_LEVEL: "silent",
      PENSTOCK_SHUTDOWN_GRACE_MS: String(each.graceMs),
      CHAOS_API_URL: api.url,
      CHAOS_PAGE_SIZE: "20",
    };
    const planned = each.failure === undefined ? {} : { PENSTOCK_FAILURE_POINT: each.failure };
    const running = startPenstock(["up"], { ...env, ...planned });
    own.defer(() => void running.child.kill("SIGKILL"));
    const committed = async () => (await store.listRuns({ limit: 1 }))[0]?.pages ?? 0;
    const isAtSecond = async () => (await committed()) === 1 && api.requests.length >= 2;
    await waitUntil(isAtSecond, { what: "the second page to be on its way", timeoutMs: 120_000 });
    if (each.failure !== undefined) await waitUntil(() => isHeld(url), { what: "its commit", timeoutMs: 120_000 });
    const toldAt = performance.now();
    for (const signal of each.signals) {
      running.child.kill(signal);
      await delay(300);
    }
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({ code: each.code, stderr: expect.anything() });
    expect(performance.now() - toldAt).toBeLessThan(each.withinMs);
    expect(each.pages).toContain(await committed());
    slowMs = 0;
    const { code: next, stdout } = await penstock(["run", "chaos"], env);
    expect({ next, stdout }).toEqual({ next: 0, stdout: expect.anything() });
    expect([...(await differences(store, api.records)), ...(await alwaysWrong(store, api.records))]).toEqual([]);
    expect(await store.countLetters({})).toBe(0);
  });
});

/**
 * Whether a transaction that writes is open, and stays so for longer than any but one that was slowed down. Another process looks: Node's SQLite
 * is not the store's, and two of them in one process take each other's locks away (https://www.sqlite.org/howtocorrupt.html, 2.2.1).
 */
async function isHeld(url: string): Promise<boolean> {
  const look = `
    const database = new (require("node:sqlite").DatabaseSync)(process.argv[1], { timeout: 0 });
    const look = (left) => {
      try {
        database.exec("BEGIN IMMEDIATE; ROLLBACK");
        console.log("free");
      } catch (error) {
        if (error.errcode !== 5) throw error;
        if (left === 0) console.log("held");
        else setTimeout(look, 100, left - 1);
      }
    };
    look(5);`;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", look, url.slice("file:".length)]);
  return stdout === "held\n";
}
