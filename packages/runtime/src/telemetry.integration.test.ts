import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { PermanentError } from "@penstock/core/errors";
import { withoutFailures } from "@penstock/core/failure-points";
import type { FetchContext } from "@penstock/pipeline/context";
import { fetchHandler, transformHandler } from "@penstock/pipeline/handlers";
import { createManualQueues } from "@penstock/pipeline/manual-queues";
import { createPageTransformer } from "@penstock/pipeline/page-transformer";
import { startRun } from "@penstock/pipeline/start-run";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { createPageFetcher } from "@penstock/source/fetch-page";
import { openStore } from "@penstock/store/open-store";
import { createLogger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { createSpanRecorder, otlpProcessor } from "@penstock/telemetry/otlp-traces";
import { createTraces } from "@penstock/telemetry/traces";
import { type OtlpReceiver, startOtlpReceiver } from "@penstock/testing/otlp-receiver";
import { startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { testDir } from "@penstock/testing/temp-dir";
import { expect, test } from "vitest";
import { z } from "zod";
import { observeProcess, observeState } from "./observe.ts";

/*
 * One pipeline with everything that tells of it, and an API that fails in each way there is: what the metrics say of each fault, and
 * that no secret is in any of what is told.
 */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
// Whatever has this in it was handed to the pipeline as a secret, or came as one.
const secret = /hunter2/;
const job = { jobId: "j", attempt: 1, maxAttempts: 3, stalls: 0, signal: new AbortController().signal };
const stream = defineStream({
  path: "/items",
  schema: z.object({ id: z.int(), note: z.string() }),
  key: "id",
  freshness: "15m",
});

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
    streams: { items: stream },
  }).configure({});
  if (!configured.isConfigured) throw new Error("it takes no variables");
  const { source } = configured;
  const sources = new Map([[source.name, source]]);
  const logs: string[] = [];
  const collector = stack.use(await startOtlpReceiver());
  const processor = otlpProcessor({ url: collector.url, headers: {}, serviceName: "test" });
  const context: FetchContext = {
    store: stack.adopt(await openStore({ url: `file:${await testDir()}/p.db`, migrationsRoot }), (opened) =>
      opened.close(),
    ),
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
    traces: createTraces(createSpanRecorder({ sample: 1, processor, serviceName: "test" })),
    settings: { backlogHigh: 100 },
    reach: withoutFailures,
    isHeldBack: async () => false,
  };
  context.metrics.expect([{ source: "shop", stream: "items" }]);
  observeProcess(context);
  observeState(context);
  return { context, answers, logs, collector };
}

type Pipeline = Awaited<ReturnType<typeof pipeline>>;

/** Starts a run on what the API answers, tries each fetch once, and gives up what failed for good. */
async function runOn({ context, answers }: Pipeline, ...next: Answer[]): Promise<void> {
  answers.push(...next);
  const queues = context.queues as ReturnType<typeof createManualQueues>;
  const { run } = await startRun(context, { source: "shop", stream: "items", takeOver: "any" });
  const fetch = fetchHandler(context);
  const payload = queues.take("fetch");
  try {
    await fetch.handle(payload, job);
  } catch (error) {
    if (error instanceof PermanentError) await fetch.settle(payload, error, job);
  }
  while (queues.jobs.length > 0) await transformHandler(context).handle(queues.take("transform"), job);
  expect(run.runId).toBeTypeOf("string");
}

/** Values by name and labels, without `source` and `stream`, which are the same in all. */
async function scrape({ context }: Pipeline): Promise<Map<string, number>> {
  const { text } = await context.metrics.read();
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
  return names.map((name) => (after.get(name) ?? 0) - (before.get(name) ?? 0));
}

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

async function everythingTold({ context, logs, collector }: Pipeline): Promise<Record<string, string>> {
  const letters = await context.store.listLetters({ limit: 100 });
  const runs = await context.store.listRuns({ limit: 100 });
  return {
    logs: logs.join(""),
    metrics: (await context.metrics.read()).text,
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
  expect(collector.spans.filter(({ traceId }) => traceId === letter?.traceId).map(({ name }) => name)).toContain(
    "commit",
  );
  expect(logs.filter((line) => line.includes(letter?.traceId ?? "none")).length).toBeGreaterThan(1);
  expect((await context.metrics.read()).text).toMatch(/_bucket\{.*# \{trace_id="[0-9a-f]{32}"\}/);
}
