import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import { createPostgresDatabase, createSqliteDatabase, flushRedis } from "@penstock/testing/databases";
import { type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPenstock } from "../e2e/penstock.ts";
import { chaosRecords } from "./api.ts";
import { chaosExtent } from "./extent.ts";
import { alwaysWrong, differences } from "./invariants.ts";
import { isDeadly, type Scenario, type Step, scenarios } from "./scenarios.ts";
import { hasServers, type Servers, startServers } from "./servers.ts";

/*
 * Real processes that kill themselves with SIGKILL at each failure point, on each database, with each queue, with job ids
 * recognised and not; then the program is started again as its users would. The short form takes two deaths.
 */

const migrationsRoot = join(import.meta.dirname, "../../prisma");
const stack = new AsyncDisposableStack();
let servers: Servers;
beforeAll(async () => {
  if (hasServers()) servers = await startServers(stack);
});
afterAll(() => stack.disposeAsync());

type Place = { database: "sqlite" | "postgresql"; queue: "embedded" | "redis"; isDeduplicated: boolean };
type Case = Scenario & Place;

const places: Place[] = (["sqlite", "postgresql"] as const).flatMap((database) =>
  (["embedded", "redis"] as const).flatMap((queue) =>
    [true, false].map((isDeduplicated) => ({ database, queue, isDeduplicated })),
  ),
);
const whole: Case[] = scenarios.flatMap((scenario) => places.map((place) => ({ ...scenario, ...place })));
const isShort = ({ point, database, queue, isDeduplicated }: Case): boolean =>
  isDeduplicated &&
  ((point === "transform.committed" && database === "sqlite" && queue === "embedded") ||
    (point === "commit.checkpoint-moved" && database === "postgresql" && queue === "redis"));

test.runIf(hasServers()).each(chaosExtent().isWholeMatrix ? whole : whole.filter(isShort))(
  "SIGKILL at $point ($database, $queue, job ids recognised: $isDeduplicated)",
  async (scenario) => {
    await using own = new AsyncDisposableStack();
    const { env, api, store, loseQueue } = await bench(scenario, own);
    for (const step of scenario.steps) {
      if (step.work === "lose-queue") await loseQueue();
      else await take(step, env);
    }
    const survivor = startPenstock(["up"], env);
    own.defer(async () => {
      survivor.child.kill("SIGTERM");
      await survivor.ended;
    });
    const isRecovered = async () => (await differences(store, api.records)).length === 0;
    await waitUntil(isRecovered, { what: "the table to be the API's", timeoutMs: 120_000, intervalMs: 250 }).catch(
      () => undefined,
    );
    expect([...(await differences(store, api.records)), ...(await alwaysWrong(store, api.records))]).toEqual([]);
  },
);

async function bench({ database: kind, queue, isDeduplicated, fault, ballastBytes }: Case, own: AsyncDisposableStack) {
  await flushRedis(servers.redis.url);
  const created = kind === "sqlite" ? await createSqliteDatabase() : await createPostgresDatabase(servers.postgres.url);
  const database = own.adopt(created, (made) => made.drop());
  const store = own.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
  const records = chaosRecords({ count: 90, isBad: (number) => number === 33, ballastBytes: ballastBytes ?? 0 });
  const api: ExternalApi = own.adopt(await startExternalApi({ records, ...(fault && { fault }) }), (s) => s.close());
  const dataDir = await testDir();
  const env = {
    DATABASE_URL: database.url,
    ...(queue === "redis" && { REDIS_URL: servers.redis.url }),
    PENSTOCK_DATA_DIR: dataDir,
    PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "sources"),
    PENSTOCK_UNIQUE_JOB_IDS: String(!isDeduplicated),
    PENSTOCK_HTTP_PORT: "0",
    PENSTOCK_LOG_LEVEL: "silent",
    CHAOS_API_URL: api.url,
    CHAOS_PAGE_SIZE: "20",
  };
  const loseQueue = () =>
    queue === "redis" ? flushRedis(servers.redis.url) : rm(join(dataDir, "queue"), { recursive: true });
  return { env, api, store, loseQueue };
}

const argumentsOf = { run: ["run", "chaos"], serve: ["up"], redrive: ["dead-letters", "redrive"] };

/** A process until its end, which must be the one that is planned. */
async function take(step: Exclude<Step, { work: "lose-queue" }>, env: Record<string, string>): Promise<void> {
  const plan = step.failures === "" ? {} : { PENSTOCK_FAILURE_POINT: step.failures };
  const started = startPenstock(argumentsOf[step.work], { ...env, ...plan });
  const { stderr } = await started.ended;
  expect({ signal: started.child.signalCode, stderr }).toEqual({
    signal: isDeadly(step) ? "SIGKILL" : null,
    stderr: expect.anything(),
  });
}
