import { hostname } from "node:os";
import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import { createPostgresDatabase, flushRedis } from "@penstock/testing/databases";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "@penstock/testing/otlp-receiver";
import { canStartOwn, postgresUrl, startOwnRedis } from "@penstock/testing/servers";
import { startExternalApi } from "@penstock/testing/simulators/external-api";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Running, startApp } from "./penstock.ts";

const migrationsRoot = join(import.meta.dirname, "../../prisma");
const server = postgresUrl();
const records = 12_000;

/*
 * Scheduler, fetchers and transformers as processes of their own on Postgres and a Redis that may be killed: what runs in
 * containers, with the failures that containers have.
 */
/** Spans of each page that three processes had a part in, in the order they began. */
function wholePages({ spans }: OtlpReceiver): ReceivedSpan[][] {
  const traces = Object.values(Object.groupBy(spans, ({ traceId }) => traceId)).filter((trace) => trace !== undefined);
  const whole = traces.filter((trace) => new Set(trace.map(({ service }) => service)).size === 3);
  return whole.map((trace) =>
    trace.toSorted((a, b) => (BigInt(a.startTimeUnixNano) < BigInt(b.startTimeUnixNano) ? -1 : 1)),
  );
}

describe.runIf(server !== undefined && canStartOwn("redis"))("separate processes", () => {
  let stack: AsyncDisposableStack;
  beforeEach(() => {
    stack = new AsyncDisposableStack();
  });
  afterEach(() => stack.disposeAsync());

  async function installation() {
    const api = stack.use(await startExternalApi({ records }));
    const redis = stack.adopt(await startOwnRedis(), (started) => started.close());
    const collector = stack.use(await startOtlpReceiver());
    const database = stack.adopt(await createPostgresDatabase(server ?? ""), (created) => created.drop());
    const env = {
      REDIS_URL: redis.url,
      DATABASE_URL: database.url,
      API_BASE_URL: api.url,
      USGS_BASE_URL: api.url,
      BATCH_SIZE: "200",
      PENSTOCK_HTTP_PORT: "0",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_METRICS_EXPORTER: "otlp",
      PENSTOCK_TRACE_SAMPLE: "1",
      PENSTOCK_DATA_DIR: await testDir(),
    };
    const store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
    const start = (app: "scheduler" | "fetcher" | "transformer") => stack.adopt(startApp(app, [], env), killed);
    const processes = {
      scheduler: start("scheduler"),
      fetchers: [start("fetcher"), start("fetcher")],
      transformers: [start("transformer"), start("transformer")],
    };
    return { api, redis, store, collector, ...processes };
  }

  async function killed({ child, ended }: Running): Promise<void> {
    child.kill("SIGKILL");
    await ended;
  }

  const count = async (store: Store) =>
    Number((await store.queryView("SELECT count(*) AS count FROM external_api_data"))[0]?.["count"]);
  const someLanded = (store: Store) =>
    waitUntil(async () => (await count(store)) > 1_000, { what: "1,000 rows", timeoutMs: 60_000 });
  const done = (store: Store) =>
    waitUntil(
      async () => {
        const state = (await store.streamStates()).find(({ checkpoint }) => checkpoint.source === "external_api");
        return state?.lastSuccessAt instanceof Date && (await count(store)) === records;
      },
      { what: "every record and a run that succeeded", timeoutMs: 90_000 },
    );

  test("killed workers cost a repetition, and SIGTERM ends each cleanly", async () => {
    const { store, collector, scheduler, fetchers, transformers } = await installation();
    await someLanded(store);
    // The job's own span ends last, around that of its work.
    const isEnded = (trace: ReceivedSpan[]) => trace.filter(({ name }) => name === "transform").length === 2;
    const page = await waitUntil(() => wholePages(collector).find(isEnded), { what: "the trace of a page" });
    const spans = page.map(({ service, name }) => `${service}: ${name}`);
    const isStatement = (span: string) => /: [A-Z]{3,}/.test(span);
    const statements = ["INSERT pages", "INSERT records", "UPDATE checkpoints", "COMMIT"];
    expect(spans).toEqual(expect.arrayContaining(statements.map((name) => `penstock-transformer: ${name}`)));
    expect(spans.filter((span) => !isStatement(span))).toEqual([
      "penstock-scheduler: page",
      "penstock-fetcher: fetch",
      "penstock-fetcher: request",
      "penstock-fetcher: enqueue",
      "penstock-transformer: transform",
      "penstock-transformer: transform",
      "penstock-transformer: commit",
    ]);
    transformers[0]?.child.kill("SIGKILL");
    fetchers[0]?.child.kill("SIGKILL");
    await done(store);
    expect(await store.countLetters({ source: "external_api" })).toBe(0);
    const rest = [scheduler, fetchers[1], transformers[1]].filter((each) => each !== undefined);
    for (const { child } of rest) child.kill("SIGTERM");
    expect(await Promise.all(rest.map(async ({ ended }) => (await ended).code))).toEqual([0, 0, 0]);
    expect(collector.metrics).toContain("penstock_pages_committed_total");
    const instances = (of: Running[]) => of.map(({ child }) => `${hostname()}:${child.pid}`);
    expect([...collector.pushers].toSorted()).toEqual(instances(rest).toSorted());
    const [fetch, commit] = ["fetch", "commit"].map((name) => page.find((span) => span.name === name)?.instance);
    expect(instances(fetchers)).toContain(fetch);
    expect(instances(transformers)).toContain(commit);
  });

  test("a Redis that forgets everything loses no record", async () => {
    const { store, redis } = await installation();
    await someLanded(store);
    await flushRedis(redis.url);
    await done(store);
    expect(await store.countLetters({ source: "external_api" })).toBe(0);
  });

  test("a Redis that is killed and comes back makes no dead letters", async () => {
    const { store, redis } = await installation();
    await someLanded(store);
    await redis.kill();
    await redis.start();
    await done(store);
    expect(await store.countLetters({ source: "external_api" })).toBe(0);
  });
});
