import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import { databaseTargets, queueTargets, type TestDatabase, type TestQueue } from "@penstock/testing/databases";
import { type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, describe, expect, test } from "vitest";
import { jsonLines, penstock, startPenstock } from "./penstock.ts";

const migrationsRoot = join(import.meta.dirname, "../../prisma");
const records = 20_000;

type Place = { env: Record<string, string>; rows(): Promise<string[]>; stack: AsyncDisposableStack };
const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

async function place(api: ExternalApi, database: TestDatabase, queue: TestQueue): Promise<Place> {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  stack.defer(() => database.drop());
  stack.defer(() => queue.drop());
  stack.defer(() => api.close());
  const dataDir = await mkdtemp(join(tmpdir(), "penstock-external-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const { settings } = queue;
  const queueEnv: Record<string, string> =
    settings.kind === "embedded"
      ? {}
      : settings.kind === "redis"
        ? { REDIS_URL: settings.url }
        : { QUEUE_URL: settings.url };
  const env = {
    PENSTOCK_DATA_DIR: dataDir,
    DATABASE_URL: database.url,
    API_BASE_URL: api.url,
    BATCH_SIZE: "1000",
    ...queueEnv,
  };
  return { env, rows: () => storedRows(database.url), stack };
}

/** Every row as text, sorted: two tables are the same when these are. */
async function storedRows(url: string): Promise<string[]> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  const rows = await store.queryView("SELECT id, ts, value, value_scaled FROM external_api_data");
  return rows
    .map((row) => `${row["id"]} ${new Date(String(row["ts"])).toISOString()} ${row["value"]} ${row["value_scaled"]}`)
    .sort();
}

function expectedRows(api: ExternalApi): string[] {
  return api.records.map(({ id, ts, value }) => `${id} ${new Date(ts).toISOString()} ${value} ${value * 100}`).sort();
}

/** The combinations people run. That each backend keeps its contract is shown where the backends are. */
const pairs = ["sqlite and embedded", "sqlite and redis", "postgresql and redis", "postgresql and postgres"];
const combinations = databaseTargets()
  .flatMap((database) =>
    queueTargets().map((queue) => ({ name: `${database.name} and ${queue.name}`, database, queue })),
  )
  .filter(({ name }) => pairs.includes(name));

describe.each(combinations)("on $name", ({ database, queue }) => {
  test("every record lands once, and a second run finds nothing new", async () => {
    const api = await startExternalApi({ records });
    const { env, rows } = await place(api, await database.create(), await queue.create());
    const first = await penstock(["run", "external_api", "--json"], env);
    expect(first.code, first.stderr).toBe(0);
    const [summary] = jsonLines(first);
    expect(summary).toMatchObject({
      source: "external_api",
      stream: "data",
      status: "succeeded",
      inserted: records,
      updated: 0,
      deadLettered: 0,
    });
    const { fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered } = summary as Record<
      string,
      number
    >;
    expect(fetched).toBe(
      (inserted ?? 0) + (updated ?? 0) + (unchanged ?? 0) + (duplicate ?? 0) + (filtered ?? 0) + (deadLettered ?? 0),
    );
    expect(await rows()).toEqual(expectedRows(api));

    const [again] = jsonLines(await penstock(["run", "external_api", "--json"], env));
    expect(again).toMatchObject({ status: "succeeded", inserted: 0, updated: 0 });
    expect(again?.["fetched"]).toBeLessThan(10);
  });

  test("killed half-way and started again, the table is the same", async () => {
    const api = await startExternalApi({ records });
    const { env, rows } = await place(api, await database.create(), await queue.create());
    const killed = startPenstock(["run", "external_api", "--json"], env);
    await waitUntil(() => api.requests.length >= 8, { timeoutMs: 30_000, what: "8 pages asked for" });
    killed.child.kill("SIGKILL");
    expect((await killed.ended).code).toBeNull();
    const finished = await penstock(["run", "external_api", "--json"], env);
    expect(finished.code, finished.stderr).toBe(0);
    expect(jsonLines(finished)[0]).toMatchObject({ status: "succeeded", deadLettered: 0 });
    expect(await rows()).toEqual(expectedRows(api));
  });
});

/** How an API is paged is the same whatever the backends. */
test.each([
  ["inclusive", combinations.at(0)],
  ["exclusive", combinations.at(-1)],
] as const)("5,000 records of one timestamp across pages, since %s", async (since, combination) => {
  if (combination === undefined) throw new Error("there is no database or no queue");
  const api = await startExternalApi({ records: 9_000, sameTimestamp: { from: 2_000, count: 5_000 }, since });
  const { env, rows } = await place(api, await combination.database.create(), await combination.queue.create());
  const ended = await penstock(["run", "external_api", "--json"], env);
  expect(ended.code, ended.stdout + ended.stderr).toBe(0);
  expect(jsonLines(ended)[0]).toMatchObject({ status: "succeeded", inserted: 9_000 });
  expect(await rows()).toEqual(expectedRows(api));
});

test("begins where the original pipeline's checkpoint was, says so once, and goes on from its own", async () => {
  const [combination] = combinations;
  if (combination === undefined) throw new Error("there is no database or no queue");
  const api = await startExternalApi({ records: 3_000 });
  const { env, rows } = await place(api, await combination.database.create(), await combination.queue.create());
  const file = join(String(env["PENSTOCK_DATA_DIR"]), "checkpoint.json");
  await writeFile(file, JSON.stringify({ last_ts: api.records[1_999]?.ts }));
  const run = () => penstock(["run", "external_api"], { ...env, CHECKPOINT_FILE: file });
  const begun = await run();
  expect(begun).toMatchObject({ code: 0, stderr: expect.stringContaining("checkpoint now lives in the database") });
  expect(await rows()).toEqual(expect.arrayContaining(expectedRows(api).slice(-1_000)));
  expect(await run()).toMatchObject({ code: 0, stderr: expect.not.stringContaining("CHECKPOINT_FILE") });
  expect((await rows()).length).toBeLessThan(1_100);
});
