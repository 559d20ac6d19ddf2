import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { PermanentError } from "@penstock/core/errors";
import { withoutFailures } from "@penstock/core/failure-points";
import type { FetchContext } from "@penstock/pipeline/context";
import { fetchHandler, transformHandler } from "@penstock/pipeline/handlers";
import { createManualQueues, type ManualQueues } from "@penstock/pipeline/manual-queues";
import { createPageTransformer, type PackedPage } from "@penstock/pipeline/page-transformer";
import { settleDeletions } from "@penstock/pipeline/settle-deletions";
import { startDueRuns } from "@penstock/pipeline/start-children";
import { startRun } from "@penstock/pipeline/start-run";
import { openQueueBackend } from "@penstock/queues/backend";
import { createQueues } from "@penstock/queues/create-queues";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { createPageFetcher } from "@penstock/source/fetch-page";
import { openStore } from "@penstock/store/open-store";
import { startHealthServer } from "@penstock/telemetry/health";
import { createLogger } from "@penstock/telemetry/logger";
import { metricDefinitions } from "@penstock/telemetry/metric-definitions";
import { createMetrics, type Metrics } from "@penstock/telemetry/metrics";
import { createSpanRecorder, otlpProcessor } from "@penstock/telemetry/otlp-traces";
import { createTraces } from "@penstock/telemetry/traces";
import { createPostgresDatabase, createRedisQueue } from "@penstock/testing/databases";
import { type OtlpReceiver, startOtlpReceiver } from "@penstock/testing/otlp-receiver";
import { postgresUrl, redisUrl } from "@penstock/testing/servers";
import { startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { startTcpProxy } from "@penstock/testing/tcp-proxy";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { observeProcess, observeState } from "./observe.ts";
import { statementSpans } from "./statement-spans.ts";

/*
 * One pipeline with everything that tells of it, and an API that fails in each way there is: what the metrics say of each fault, and
 * that no secret is in any of what is told.
 */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
// Whatever has this in it was handed to the pipeline as a secret, or came as one.
const secret = /hunter2/;
const job = { jobId: "j", attempt: 1, maxAttempts: 3, stalls: 0, signal: new AbortController().signal };
const item = z.object({ id: z.int(), note: z.string() });
const streams = {
  items: defineStream({ path: "/items", schema: item, key: "id", freshness: "15m" }),
  parts: defineStream({
    parent: { stream: "items", fields: item.pick({ id: true }) },
    path: "/items/{id}/parts",
    schema: z.object({ part: z.int() }),
    key: "part",
  }),
  stock: defineStream({
    path: "/stock",
    schema: z.object({ id: z.int(), at: z.iso.datetime() }),
    key: "id",
    eventTime: "at",
    deletions: 1,
  }),
};
/** What was seen to move, by name, in all tests of this file. */
const movedMetrics = new Set<string>();

type Answer = { status: number; body: string; headers?: Record<string, string> };

async function pipeline(stack: AsyncDisposableStack) {
  const answers: Answer[] = [];
  const answer = (_request: IncomingMessage, response: ServerResponse) => {
    const { status, body, headers } = answers.shift() ?? { status: 200, body: "[]" };
    response.writeHead(status, { "set-cookie": "session=hunter2-cookie", ...headers }).end(body);
  };
  const api = stack.use(await startLoopbackServer(answer));
  const configured = defineSource({
    name: "shop",
    baseUrl: api.url,
    headers: { authorization: "Bearer hunter2-header" },
    query: { api_key: "hunter2-query" },
    breaker: { failures: 2, openMs: 1, maxOpenMs: 1 },
    streams,
  }).configure({});
  if (!configured.isConfigured) throw new Error("it takes no variables");
  const { source } = configured;
  const sources = new Map([[source.name, source]]);
  const logs: string[] = [];
  const collector = stack.use(await startOtlpReceiver());
  const processor = otlpProcessor({ url: collector.url, headers: {}, serviceName: "test" });
  const traces = createTraces(createSpanRecorder({ sample: 1, processor, serviceName: "test" }));
  const url = `file:${await testDir()}/p.db`;
  const store = await openStore({ url, migrationsRoot, observe: statementSpans(url, traces) });
  stack.defer(() => store.close());
  const context: FetchContext = {
    store,
    queues: createManualQueues(),
    sources,
    transformer: createPageTransformer(sources),
    fetchers: new Map([[source.name, stack.adopt(createPageFetcher(source), (opened) => opened.close())]]),
    logger: createLogger({
      app: "test",
      level: "debug",
      format: "json",
      destination: { write: (line) => logs.push(line) },
    }),
    metrics: createMetrics({ withProcess: true }),
    traces,
    settings: { backlogHigh: 100 },
    reach: withoutFailures,
    isHeldBack: async () => false,
  };
  context.metrics.expect([{ source: "shop", stream: "items" }]);
  observeProcess(context);
  observeState(context);
  return { context, answers, logs, collector, metricsUrl: await serve(context.metrics, stack) };
}

/** As every process serves them; returns where. */
async function serve(metrics: Metrics, stack: AsyncDisposableStack): Promise<string> {
  const health = { isLive: () => true, readiness: async () => ({ isReady: true, checks: {} }) };
  const served = stack.use(await startHealthServer({ host: "127.0.0.1", port: 0, metrics, ...health }));
  return `${served.url}/metrics`;
}

type Pipeline = Awaited<ReturnType<typeof pipeline>>;

/** Starts a run on what the API answers, and works on it. */
async function runOn(at: Pipeline, ...next: Answer[]): Promise<void> {
  at.answers.push(...next);
  const { run } = await startRun(at.context, { source: "shop", stream: "items", takeOver: "any" });
  await work(at);
  expect(run.runId).toBeTypeOf("string");
}

/** Tries a fetch once, gives it up when it failed for good, and lands what it brought. */
async function work({ context }: Pipeline): Promise<void> {
  const queues = context.queues as ManualQueues;
  const fetch = fetchHandler(context);
  const payload = queues.take("fetch");
  try {
    await fetch.handle(payload, job);
  } catch (error) {
    if (error instanceof PermanentError) await fetch.settle(payload, error, job);
  }
  while (queues.jobs.length > 0) await transformHandler(context).handle(queues.take("transform"), job);
}

/** As Prometheus does. Values by name and labels, without `source` and `stream`, which are the same in all. */
async function scrape({ metricsUrl }: Pipeline): Promise<Map<string, number>> {
  const text = await (await fetch(metricsUrl)).text();
  const lines = text.split("\n").filter((line) => line.startsWith("penstock_"));
  return new Map(
    lines.map((line) => {
      const [, series = "", value = ""] = /^([^ ]+) (\S+)/.exec(line) ?? [];
      const plain = series
        .replaceAll(/(source="shop"|stream="items"),?/g, "")
        .replace(/,?\}$/, "}")
        .replace("{}", "");
      return [plain, Number(value)] as const;
    }),
  );
}

/** What an event adds to the metrics named, and what the gauges among them stand at afterwards. */
async function moved(at: Pipeline, happens: () => Promise<void>, names: string[]): Promise<number[]> {
  const before = await scrape(at);
  await happens();
  const after = await scrape(at);
  for (const [series, value] of after) if (value !== (before.get(series) ?? 0)) movedMetrics.add(metricOf(series));
  return names.map((name) => (after.get(name) ?? 0) - (before.get(name) ?? 0));
}

const metricOf = (series: string) => series.replace(/\{.*$/, "").replace(/_(bucket|sum|count)$/, "");

const ok = (...items: object[]): Answer => ({ status: 200, body: JSON.stringify(items) });
const faults: [what: string, answers: Answer[], names: string[], by: number[]][] = [
  [
    "a page that lands",
    [
      {
        ...ok({ id: 1, note: "a" }, { id: 2, note: "b" }),
        headers: { "ratelimit-remaining": "40", "ratelimit-limit": "100" },
      },
    ],
    [
      'penstock_requests_total{status="2xx"}',
      "penstock_pages_committed_total",
      'penstock_records_total{outcome="inserted"}',
      'penstock_page_records_bucket{le="10"}',
      "penstock_commit_duration_seconds_count",
      "penstock_transform_duration_seconds_count",
      'penstock_runs_ended_total{status="succeeded"}',
      'penstock_job_duration_seconds_count{queue="transform",type="transform",outcome="done"}',
      "penstock_rate_limit_remaining",
      "penstock_rate_limit_headroom_ratio",
    ],
    [1, 1, 2, 1, 1, 1, 1, 1, 40, 0.4],
  ],
  [
    "a record that is wrong",
    [ok({ id: 1, note: "a" }, { id: 3, note: 7, password: "hunter2-body" })],
    [
      'penstock_dead_letters_total{code="RECORD_INVALID"}',
      'penstock_records_total{outcome="deadLettered"}',
      'penstock_records_total{outcome="unchanged"}',
      "penstock_dead_letters_open",
      "penstock_account_violations_total",
    ],
    [1, 1, 1, 1, 0],
  ],
  [
    "an API that is down",
    [{ status: 503, body: "the key hunter2-query is on hold, Authorization: Bearer hunter2-header" }],
    [
      'penstock_requests_total{status="5xx"}',
      'penstock_job_retries_total{queue="fetch.shop",code="SERVER_ERROR"}',
      "penstock_runs_live",
    ],
    [1, 1, 1],
  ],
  [
    "one that stays down",
    [{ status: 500, body: '{"error":"x","access_token": "hunter2-body","details":{"client_secret":"hunter2-body"}}' }],
    [
      'penstock_breaker_changes_total{state="open"}',
      'penstock_breaker_state{state="open"}',
      'penstock_runs_ended_total{status="superseded"}',
    ],
    [1, 1, 1],
  ],
  [
    "one that comes back, and refuses",
    [{ status: 403, body: "no: password=hunter2-body&x=1" }],
    ['penstock_requests_total{status="4xx"}', 'penstock_runs_ended_total{status="failed"}', "penstock_runs_live"],
    [1, 1, -1],
  ],
  [
    "one that asks for a pause",
    [{ status: 429, body: "slow down", headers: { "retry-after": "60" } }],
    ["penstock_throttles_total", 'penstock_requests_total{status="4xx"}'],
    [1, 1],
  ],
];

test("metrics move as each fault has them move, and nothing that is told holds a secret", async () => {
  await using stack = new AsyncDisposableStack();
  const at = await pipeline(stack);
  // A stream that should be fresh and never ran grows stale too.
  const ages = [...(await scrape(at))].filter(([series]) => series.startsWith("penstock_last_success_age_seconds"));
  expect(ages).toEqual([["penstock_last_success_age_seconds", expect.any(Number)]]);
  expect(ages[0]?.[1]).toBeGreaterThan(0);
  for (const [what, answers, names, by] of faults) {
    expect([what, await moved(at, () => runOn(at, ...answers), names)]).toEqual([what, by]);
  }
  const now = await scrape(at);
  expect(now.get("penstock_throttle_remaining_seconds")).toBeGreaterThan(30);
  expect(now.get("penstock_freshness_objective_seconds")).toBe(900);
  expect(now.get("penstock_last_success_age_seconds")).toBeLessThan(120);
  expect(now.get('penstock_backend_up{backend="database"}')).toBe(1);
  expect(now.get("penstock_process_resident_memory_bytes")).toBeGreaterThan(10_000_000);
  expect(
    await moved(at, () => at.context.store.setPaused("shop", "items", true, { actor: "t", reason: null }), [
      "penstock_stream_paused",
    ]),
  ).toEqual([1]);

  await at.context.traces.close();
  const told = await everythingTold(at);
  for (const [where, text] of Object.entries(told)) {
    expect([where, text.length > 200]).toEqual([where, true]);
    expect([where, secret.exec(text)?.input]).toEqual([where, undefined]);
  }
  await tracesAgree(at);
});

const events: [what: string, happens: (at: Pipeline) => Promise<void>, names: string[], by: number[]][] = [
  [
    "a page that is delivered twice",
    async ({ context, answers }) => {
      answers.push(ok({ id: 1, note: "a" }));
      await startRun(context, { source: "shop", stream: "items", takeOver: "any" });
      await fetchHandler(context).handle((context.queues as ManualQueues).take("fetch"), job);
      const page = (context.queues as ManualQueues).take("transform");
      await transformHandler(context).handle(page, job);
      await transformHandler(context).handle(page, job);
    },
    ["penstock_pages_repeated_total", "penstock_pages_committed_total", 'penstock_records_total{outcome="inserted"}'],
    [1, 1, 1],
  ],
  [
    "a field that is new",
    (at) => runOn(at, ok({ id: 1, note: "a", colour: "red" })),
    ['penstock_schema_drift_total{kind="newField",action="evolve"}', 'penstock_records_total{outcome="updated"}'],
    [1, 1],
  ],
  [
    "an account that does not add up",
    async (at) => {
      at.answers.push(ok({ id: 1, note: "a" }));
      const { transformer, queues } = at.context;
      const losing = {
        transform: async (page: PackedPage) => ({ ...(await transformer.transform(page)), filtered: 1 }),
      };
      const context = { ...at.context, transformer: losing };
      await startRun(context, { source: "shop", stream: "items", takeOver: "any" });
      await fetchHandler(context).handle((queues as ManualQueues).take("fetch"), job);
      const page = (queues as ManualQueues).take("transform");
      const handler = transformHandler(context);
      await expect(handler.handle(page, job)).rejects.toMatchObject({ code: "ACCOUNT_VIOLATED" });
      const violated = new PermanentError("ACCOUNT_VIOLATED", "one record came, and two have an outcome");
      await handler.settle(page, violated, job);
      // Another page of the run, which has ended by now.
      await handler.settle({ ...page, seq: 1 }, violated, job);
    },
    ["penstock_account_violations_total", "penstock_pages_given_up_total"],
    [2, 2],
  ],
  [
    "a child that fails",
    async (at) => {
      at.answers.push({ status: 404, body: "no parts" });
      expect(await startDueRuns(at.context, { source: "shop", stream: "parts" })).toBe(1);
      await work(at);
    },
    ['penstock_partitions_due{stream="parts"}', 'penstock_partitions_failing{stream="parts"}'],
    [0, 1],
  ],
  [
    "records that are gone",
    async (at) => {
      for (const there of [9, 9, 8, 8]) await bring(at, there);
    },
    ['penstock_records_deleted_total{stream="stock"}', 'penstock_deletions_waiting{stream="stock"}'],
    [1, 0],
  ],
  [
    "more of them than may be",
    async (at) => {
      for (const there of [2, 2]) await bring(at, there);
    },
    ['penstock_records_deleted_total{stream="stock"}', 'penstock_deletions_waiting{stream="stock"}'],
    [0, 1],
  ],
];

/** A run of `stock` that finds so many. */
async function bring(at: Pipeline, there: number): Promise<void> {
  at.answers.push(ok(...Array.from({ length: there }, (_, id) => ({ id, at: "2026-01-01T00:00:00Z" }))));
  await startRun(at.context, { source: "shop", stream: "stock", takeOver: "any" });
  await work(at);
  await settleDeletions(at.context);
}

test("metrics move with what happens to pages, children and records that are gone", async () => {
  await using stack = new AsyncDisposableStack();
  const at = await pipeline(stack);
  for (const [what, happens, names, by] of events) {
    expect([what, await moved(at, () => happens(at), names)]).toEqual([what, by]);
  }
  expect((await scrape(at)).get('penstock_watermark_age_seconds{stream="stock"}')).toBeGreaterThan(1_000_000);
});

describe.runIf(redisUrl() !== undefined && postgresUrl() !== undefined)("with servers that can be away", () => {
  test("metrics say which is, and what waits where", async () => {
    await using stack = new AsyncDisposableStack();
    const at = await pipeline(stack);
    const behind = async (url: string) => {
      const proxy = stack.adopt(await startTcpProxy(url), (opened) => opened.close());
      const through = new URL(url);
      through.port = String(proxy.port);
      return { proxy, url: through.href };
    };
    const made = stack.adopt(await createPostgresDatabase(postgresUrl() ?? ""), (database) => database.drop());
    const queue = stack.adopt(await createRedisQueue(redisUrl() ?? ""), (created) => created.drop());
    const [database, redis] = [await behind(made.url), await behind("url" in queue.settings ? queue.settings.url : "")];
    const store = await openStore({ url: database.url, migrationsRoot });
    stack.defer(() => store.close());
    const backend = await openQueueBackend({ kind: "redis", url: redis.url, allowVolatile: true });
    stack.defer(() => backend.close());
    const metrics = createMetrics({});
    const context = { ...at.context, store, metrics, queues: createQueues(backend, { sources: ["shop"] }) };
    observeProcess(context);
    observeState(context);
    const there = { ...at, context, metricsUrl: await serve(metrics, stack) };
    const up = ['penstock_backend_up{backend="database"}', 'penstock_backend_up{backend="queue"}'];
    const waiting = 'penstock_queue_jobs{queue="fetch.shop",state="waiting"}';
    const starts = () => startRun(context, { source: "shop", stream: "items", takeOver: "any" });
    expect(await moved(there, async () => void (await starts()), [waiting, "penstock_runs_live", ...up])).toEqual([
      1, 1, 0, 0,
    ]);
    const now = await scrape(there);
    expect(up.map((series) => now.get(series))).toEqual([1, 1]);
    expect(now.get('penstock_queue_oldest_age_seconds{queue="fetch.shop",state="waiting"}')).toBeGreaterThan(0);
    const connections = (backend: string) =>
      ["busy", "idle"].reduce(
        (sum, state) => sum + (now.get(`penstock_connections{backend="${backend}",state="${state}"}`) ?? 0),
        0,
      );
    expect(connections("database")).toBeGreaterThan(0);
    expect(await moved(there, async () => database.proxy.cut(), up)).toEqual([-1, 0]);
    expect(await moved(there, async () => redis.proxy.cut(), up)).toEqual([0, -1]);
    const back = async () => {
      for (const { proxy } of [database, redis]) proxy.restore();
      await waitUntil(async () => (await scrape(there)).get(up[1] ?? "") === 1, {
        what: "Redis to be back",
        timeoutMs: 20_000,
      });
    };
    expect(await moved(there, back, up)).toEqual([1, 1]);
  });

  test("every metric there is was seen to move", () => {
    const names = Object.values(metricDefinitions).map(({ name }) => name);
    expect(names.filter((name) => !movedMetrics.has(name))).toEqual([]);
  });
});

async function everythingTold({ context, logs, collector, metricsUrl }: Pipeline): Promise<Record<string, string>> {
  const letters = await context.store.listLetters({ limit: 100 });
  const runs = await context.store.listRuns({ limit: 100 });
  return {
    logs: logs.join(""),
    metrics: await (await fetch(metricsUrl)).text(),
    traces: collector.bodies.join(""),
    // The payload is the record itself, which a letter keeps whole.
    letters: JSON.stringify(letters.map(({ payload: _payload, ...letter }) => letter)),
    runs: JSON.stringify(runs),
  };
}

async function tracesAgree({
  context,
  logs,
  collector,
}: {
  context: FetchContext;
  logs: string[];
  collector: OtlpReceiver;
}) {
  const [letter] = await context.store.listLetters({ code: "RECORD_INVALID", limit: 1 });
  const spans = collector.spans.filter(({ traceId }) => traceId === letter?.traceId);
  const commit = spans.find(({ name }) => name === "commit");
  const within = spans.filter(({ parentSpanId }) => parentSpanId === commit?.spanId).map(({ name }) => name);
  expect(within).toEqual(expect.arrayContaining(["INSERT pages", "INSERT records", "UPDATE checkpoints", "COMMIT"]));
  expect(logs.filter((line) => line.includes(letter?.traceId ?? "none")).length).toBeGreaterThan(1);
  const answered = collector.bodies.join("").match(/"http\.response\.status_code","value":\{"intValue":"?(\d+)/g);
  expect([...new Set(answered ?? [])].map((text) => text.slice(-3)).sort()).toEqual([
    "200",
    "403",
    "429",
    "500",
    "503",
  ]);
  expect((await context.metrics.read()).text).toMatch(/_bucket\{.*# \{trace_id="[0-9a-f]{32}"\}/);
}
