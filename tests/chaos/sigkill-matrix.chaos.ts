import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openQueueBackend } from "@penstock/queues/backend";
import { openStore } from "@penstock/store/open-store";
import { type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPenstock } from "../e2e/penstock.ts";
import { chaosRecords } from "./api.ts";
import { chaosExtent } from "./extent.ts";
import { alwaysWrong, differences } from "./invariants.ts";
import { isDeadly, type Scenario, type Step, scenarios } from "./scenarios.ts";
import { createDatabase, hasServers, install, migrationsRoot, type Servers, startServers } from "./servers.ts";

/*
 * Real processes that kill themselves with SIGKILL at each failure point, on each database, with each queue, with job ids
 * recognised and not; then the program is started again as its users would. The short form takes two deaths.
 */

const stack = new AsyncDisposableStack();
let servers: Servers;
/** A data folder with an embedded queue that is begun: beginning one takes seconds. */
let begun: string;
beforeAll(async () => {
  if (!hasServers()) return;
  servers = await startServers(stack);
  begun = await folder(stack);
  const backend = await openQueueBackend({ kind: "embedded", dataDir: begun });
  await backend.close();
});
afterAll(() => stack.disposeAsync());

type Place = { database: "sqlite" | "postgresql"; queue: "embedded" | "redis"; isDeduplicated: boolean };
type Case = Scenario & Place & { number: number };

const places: Place[] = (["sqlite", "postgresql"] as const).flatMap((database) =>
  (["embedded", "redis"] as const).flatMap((queue) =>
    [true, false].map((isDeduplicated) => ({ database, queue, isDeduplicated })),
  ),
);
const whole: Case[] = scenarios
  .flatMap((scenario) => places.map((place) => ({ ...scenario, ...place })))
  .map((each, number) => ({ ...each, number }));
const isShort = ({ point, database, queue, isDeduplicated }: Case): boolean =>
  isDeduplicated &&
  ((point === "transform.committed" && database === "sqlite" && queue === "embedded") ||
    (point === "commit.checkpoint-moved" && database === "postgresql" && queue === "redis"));

const { isWholeMatrix, part } = chaosExtent();
const wanted = isWholeMatrix ? whole.filter(({ number }) => number % part.of === part.number) : whole.filter(isShort);

// Most of the time goes by waiting for locks to end: several at once wait together.
describe.runIf(hasServers())("SIGKILL", { concurrent: true }, () => {
  test.each(wanted)("at $point ($database, $queue, job ids recognised: $isDeduplicated)", async (scenario) => {
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
    await waitUntil(isRecovered, { what: "the table to be the API's", timeoutMs: 180_000, intervalMs: 500 }).catch(
      () => undefined,
    );
    expect([...(await differences(store, api.records)), ...(await alwaysWrong(store, api.records))]).toEqual([]);
  });
});

async function bench(scenario: Case, own: AsyncDisposableStack) {
  const { fault, ballastBytes, isDeduplicated } = scenario;
  const { url, queueEnv, loseQueue } = await place(scenario, own);
  const store = own.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  const records = chaosRecords({ count: 90, isBad: (number) => number === 33, ballastBytes: ballastBytes ?? 0 });
  const api: ExternalApi = own.adopt(await startExternalApi({ records, ...(fault && { fault }) }), (s) => s.close());
  const env = {
    DATABASE_URL: url,
    ...queueEnv,
    PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "sources"),
    PENSTOCK_UNIQUE_JOB_IDS: String(!isDeduplicated),
    PENSTOCK_HTTP_PORT: "0",
    PENSTOCK_API_PORT: "0",
    PENSTOCK_LOG_LEVEL: "silent",
    CHAOS_API_URL: api.url,
    CHAOS_PAGE_SIZE: "20",
  };
  return { env, api, store, loseQueue };
}

async function place({ database, queue, number }: Case, own: AsyncDisposableStack) {
  const dataDir = await folder(own);
  const dataEnv = { PENSTOCK_DATA_DIR: dataDir };
  if (queue === "redis") {
    const installed = await install({ database, queue, redisNumber: number }, servers, own);
    const queueEnv = { ...dataEnv, REDIS_URL: installed.queue.url };
    return { url: installed.database.url, queueEnv, loseQueue: installed.loseQueue };
  }
  await cp(begun, dataDir, { recursive: true });
  const { url } = own.adopt(await createDatabase(database, servers), (made) => made.drop());
  return { url, queueEnv: dataEnv, loseQueue: () => rm(join(dataDir, "queue"), { recursive: true }) };
}

async function folder(owner: AsyncDisposableStack): Promise<string> {
  return owner.adopt(await mkdtemp(join(tmpdir(), "penstock-sigkill-")), (path) => rm(path, { recursive: true }));
}

const argumentsOf = {
  run: ["run", "chaos"],
  serve: ["up"],
  redrive: ["dead-letters", "redrive", "--source", "chaos"],
  replay: ["replay", "chaos.items"],
};

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
