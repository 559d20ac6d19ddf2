import { parseFailures } from "@penstock/core/failure-points";
import { requestRedrive } from "@penstock/pipeline/redrive";
import { replayPages } from "@penstock/pipeline/replay";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import { createLogger } from "@penstock/telemetry/logger";
import { type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chaosRecords } from "./api.ts";
import { type ChaosProcess, startChaosProcess } from "./chaos-process.ts";
import { chaosExtent } from "./extent.ts";
import { recover } from "./recover.ts";
import { isDeadly, type Step, scenarios } from "./scenarios.ts";
import { hasServers, install, migrationsRoot, type Servers, startServers } from "./servers.ts";

/*
 * A death at each failure point, and a new process after it. Databases, queues and both kinds of job ids take turns from point to
 * point; the short form takes every fifth. Here a dying process loses its connections for good; sigkill-matrix.chaos.ts kills real ones.
 */

const author = { actor: "cli:chaos@here", reason: null };
const stack = new AsyncDisposableStack();
const releases: Promise<void>[] = [];
let servers: Servers;

beforeAll(async () => {
  if (hasServers()) servers = await startServers(stack);
});

afterAll(async () => {
  await Promise.all(releases);
  await stack.disposeAsync();
});

type Bench = {
  api: ExternalApi;
  store: Store;
  loseQueue: () => Promise<void>;
  start: (step: Exclude<Step, { work: "lose-queue" }>) => Promise<ChaosProcess>;
};

const turns = scenarios.map((scenario, turn) => ({
  ...scenario,
  database: turn % 2 === 0 ? ("sqlite" as const) : ("postgresql" as const),
  isDeduplicated: turn % 4 < 2,
  queue: turn % 6 === 5 ? ("postgres" as const) : ("redis" as const),
  redisNumber: turn,
}));

const wanted = chaosExtent().isWholeMatrix ? turns : turns.filter((_, turn) => turn % 5 === 1);

// Most of the time goes by waiting for locks to end: several at once wait together.
describe.runIf(hasServers())("a death", { concurrent: true }, () => {
  test.each(wanted)("at $point ($database, $queue, job ids recognised: $isDeduplicated)", async (scenario) => {
    const own = new AsyncDisposableStack();
    try {
      const { api, store, start, loseQueue } = await bench(scenario, own);
      for (const step of scenario.steps) {
        if (step.work === "lose-queue") await loseQueue();
        else await take(step, start, store);
      }
      const survivor = await startAlive(start);
      expect(await recover({ store, api, processes: [survivor] })).toEqual([]);
    } finally {
      releases.push(own.disposeAsync());
    }
  });
});

/** One that a busy machine kept from starting is started again, as whoever runs it would. */
async function startAlive(start: Bench["start"], attempts = 5): Promise<ChaosProcess> {
  const started = await start({ work: "serve", failures: "" });
  return started.isDead() && attempts > 1 ? startAlive(start, attempts - 1) : started;
}

async function bench(scenario: (typeof turns)[number], own: AsyncDisposableStack): Promise<Bench> {
  const { isDeduplicated, fault, ballastBytes } = scenario;
  const { database, queue, loseQueue } = await install(scenario, servers, own);
  const store = own.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
  const records = chaosRecords({ count: 90, isBad: (number) => number === 33, ballastBytes: ballastBytes ?? 0 });
  const api = own.adopt(await startExternalApi({ records, ...(fault && { fault }) }), (started) => started.close());
  const start: Bench["start"] = async (step) => {
    const started = await startChaosProcess({
      databaseUrl: database.url,
      queue,
      apiUrl: api.url,
      pageSize: 20,
      isDeduplicated,
      hasScheduler: true,
      failures: step.failures === "" ? [] : (parseFailures(step.failures) ?? []),
      disturb: (jobs) => jobs,
      logger: createLogger({ app: "chaos", level: "silent", format: "json" }),
      onDeath: () => undefined,
    });
    own.defer(() => started.end());
    return started;
  };
  return { api, store, start, loseQueue };
}

/** Until it dies where it should; or, where nothing kills it, until a run has succeeded. */
async function take(step: Exclude<Step, { work: "lose-queue" }>, start: Bench["start"], store: Store): Promise<void> {
  const process = await start(step);
  const context = process.context();
  if (step.work === "redrive" && context !== undefined) {
    // It fails where the death interrupts it; the process that comes after takes over.
    await requestRedrive(context, { status: "open", limit: 100 }, author).catch(() => undefined);
  }
  if (step.work === "replay" && context !== undefined) {
    const options = { signal: AbortSignal.timeout(120_000), author, onProgress: () => {} };
    await replayPages(context, { source: "chaos", stream: "items" }, options).catch(() => undefined);
  }
  const isDone = async () =>
    isDeadly(step)
      ? process.isDead()
      : (await store.listRuns({ limit: 10 })).some(({ status, pages }) => status === "succeeded" && pages > 2);
  await waitUntil(isDone, { what: `the end of ${step.work} ${step.failures}`, timeoutMs: 120_000 });
  process.kill();
}
