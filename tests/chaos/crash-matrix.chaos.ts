import { join } from "node:path";
import { parseFailures } from "@penstock/core/failure-points";
import { requestRedrive } from "@penstock/pipeline/redrive";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import { createLogger } from "@penstock/telemetry/logger";
import { createPostgresDatabase, createSqliteDatabase, flushRedis } from "@penstock/testing/databases";
import { type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chaosRecords } from "./api.ts";
import { type ChaosProcess, startChaosProcess } from "./chaos-process.ts";
import { chaosExtent } from "./extent.ts";
import { recover } from "./recover.ts";
import { isDeadly, type Scenario, type Step, scenarios } from "./scenarios.ts";
import { hasServers, type Servers, startServers } from "./servers.ts";

/*
 * A death at each failure point, and a new process after it. The databases and both kinds of job ids take turns from point to
 * point; the short form takes every sixth. Here a dying process loses its connections for good; sigkill-matrix.chaos.ts kills real ones.
 */

const migrationsRoot = join(import.meta.dirname, "../../prisma");
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
  start: (step: Exclude<Step, { work: "lose-queue" }>) => Promise<ChaosProcess>;
};

const turns = scenarios.map((scenario, turn) => ({
  ...scenario,
  database: turn % 2 === 0 ? ("sqlite" as const) : ("postgresql" as const),
  isDeduplicated: turn % 4 < 2,
  /** A logical database of its own. */
  redisPath: `/${turn}`,
}));

test.runIf(hasServers()).each(chaosExtent().isWholeMatrix ? turns : turns.filter((_, turn) => turn % 6 === 1))(
  "dead at $point ($database, job ids recognised: $isDeduplicated)",
  async (scenario) => {
    const own = new AsyncDisposableStack();
    const { api, store, start } = await bench(scenario, own);
    for (const step of scenario.steps) {
      if (step.work === "lose-queue") await flushRedis(`${servers.redis.url}${scenario.redisPath}`);
      else await take(step, start, store);
    }
    const survivor = await start({ work: "serve", failures: "" });
    const problems = await recover({ store, api, processes: [survivor] }, 60_000);
    releases.push(survivor.end().then(() => own.disposeAsync()));
    expect(problems).toEqual([]);
  },
);

async function bench(
  { database: kind, isDeduplicated, redisPath, fault, ballastBytes }: Scenario & (typeof turns)[number],
  own: AsyncDisposableStack,
): Promise<Bench> {
  const created = kind === "sqlite" ? await createSqliteDatabase() : await createPostgresDatabase(servers.postgres.url);
  const database = own.adopt(created, (made) => made.drop());
  const store = own.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
  const records = chaosRecords({ count: 90, isBad: (number) => number === 33, ballastBytes: ballastBytes ?? 0 });
  const api = own.adopt(await startExternalApi({ records, ...(fault && { fault }) }), (started) => started.close());
  const start: Bench["start"] = async (step) => {
    const started = await startChaosProcess({
      databaseUrl: database.url,
      redisUrl: `${servers.redis.url}${redisPath}`,
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
  return { api, store, start };
}

/** Until it dies where it should; or, where nothing kills it, until a run has succeeded. */
async function take(step: Exclude<Step, { work: "lose-queue" }>, start: Bench["start"], store: Store): Promise<void> {
  const process = await start(step);
  const context = process.context();
  if (step.work === "redrive" && context !== undefined) {
    // It fails where the death interrupts it; the process that comes after takes over.
    await requestRedrive(context, { status: "open", limit: 100 }).catch(() => undefined);
  }
  const isDone = async () =>
    isDeadly(step)
      ? process.isDead()
      : (await store.listRuns({ limit: 10 })).some(({ status, pages }) => status === "succeeded" && pages > 2);
  await waitUntil(isDone, { what: `the end of ${step.work} ${step.failures}`, timeoutMs: 30_000 });
  process.kill();
}
