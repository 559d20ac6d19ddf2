import { join } from "node:path";
import { PermanentError } from "@penstock/core/errors";
import { withoutFailures } from "@penstock/core/failure-points";
import type { FailedJob, JobContext } from "@penstock/queues/queues";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { createPageFetcher } from "@penstock/source/fetch-page";
import type { Source } from "@penstock/source/model";
import { openStore } from "@penstock/store/open-store";
import type { StoredLetter } from "@penstock/store/store";
import { createLogger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { createTraces } from "@penstock/telemetry/traces";
import { databaseTargets } from "@penstock/testing/databases";
import { startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { FetchContext } from "./context.ts";
import { fetchHandler, redriveHandler, transformHandler } from "./handlers.ts";
import { createManualQueues, given, type ManualQueues } from "./manual-queues.ts";
import { createPageTransformer } from "./page-transformer.ts";
import { requestRedrive } from "./redrive.ts";
import { startRun } from "./start-run.ts";
import { sweepFailedJobs } from "./sweep.ts";

/* Each way in which a record, page or request can die: one letter, whole, that says why, however often it is met. */

const author = { actor: "cli:test@here", reason: null };
const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const job: JobContext = { jobId: "j", attempt: 1, maxAttempts: 1, stalls: 0, signal: new AbortController().signal };
const tooDeep = `${"[".repeat(1_500)}${"]".repeat(1_500)}`;
/** What each database does not take. */
const refused = { sqlite: tooDeep, postgresql: '"\\u0000"' };

type Answer = { status: number; body: string };

function sourceAt(baseUrl: string): Source {
  const things = defineStream({
    path: "/things",
    schema: z.object({ id: z.string(), n: z.number(), any: z.unknown().optional() }),
    output: z.object({ id: z.string(), n: z.number(), any: z.unknown() }),
    transform: ({ id, n, any }) => {
      if (n === 13) throw new Error("thirteen is not wanted: \0\ud800");
      return { id, n, any: any ?? null };
    },
    key: "id",
    deadLetterBudget: "100%",
  });
  const watched = defineStream({
    path: "/things",
    schema: z.object({ id: z.string(), c: z.string(), at: z.string().optional() }),
    key: "id",
    cursor: { field: "c", kind: "string", boundary: "inclusive" },
    eventTime: "at",
    deletions: "100%",
    contract: { newField: "discard" },
    deadLetterBudget: "100%",
  });
  const stuck = defineStream({
    path: "/things",
    schema: z.object({ id: z.string() }),
    key: "id",
    paginator: {
      kind: "stuck",
      start: () => ({}),
      request: () => ({}),
      next: () => {
        throw new PermanentError("CURSOR_STUCK", "nothing behind a\0b\ud800");
      },
    },
  });
  const configured = defineSource({ name: "dying", baseUrl, streams: { things, watched, stuck } }).configure({});
  if (!configured.isConfigured) throw new Error(configured.problems.join());
  return configured.source;
}

describe.each(databaseTargets())("on $name", ({ name, create }) => {
  let stack: AsyncDisposableStack;
  let context: FetchContext;
  let queues: ManualQueues;
  let answer: Answer;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    const server = stack.use(
      await startLoopbackServer((_request, response) => {
        response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
      }),
    );
    const { url } = stack.adopt(await create(), (created) => created.drop());
    const store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    const source = sourceAt(server.url);
    const sources = new Map([[source.name, source]]);
    queues = createManualQueues();
    context = {
      store,
      queues,
      sources,
      transformer: createPageTransformer(sources),
      fetchers: new Map([[source.name, stack.adopt(createPageFetcher(source), (fetcher) => fetcher.close())]]),
      logger: createLogger({ app: "test", level: "silent", format: "json" }),
      metrics: createMetrics(),
      traces: createTraces(),
      settings: { backlogHigh: 100 },
      isHeldBack: async () => false,
      reach: withoutFailures,
    };
  });
  afterEach(() => stack.disposeAsync());

  async function fetched(): Promise<void> {
    const { handle, settle } = fetchHandler(context);
    const payload = queues.take("fetch");
    await handle(payload, job).catch((error: unknown) => settle(payload, error, job));
  }
  async function transformed(): Promise<void> {
    const { handle, settle } = transformHandler(context);
    const payload = queues.take("transform");
    await handle(payload, job).catch((error: unknown) => settle(payload, error, job));
  }
  async function redriven(): Promise<void> {
    await requestRedrive(context, { status: "open", limit: 10 }, author);
    const { handle, settle } = redriveHandler(context);
    const payload = queues.take("redrive");
    await handle(payload, job).catch((error: unknown) => settle(payload, error, job));
  }
  /** A run of what the API answers; returns the letters there are. */
  async function ingest(status: number, body: string, stream = "things"): Promise<StoredLetter[]> {
    answer = { status, body };
    await startRun(context, { source: "dying", stream });
    await fetched();
    while (queues.jobs.length > 0) await transformed();
    return context.store.listLetters({ limit: 10 });
  }
  const page = (...records: string[]) => `[${['{"id":"good","n":1}', ...records].join()}]`;

  test.each([
    ["an invalid record", '{"id":"bad","n":"x"}', { code: "RECORD_INVALID", key: "bad", path: "n" }],
    ["a record without key", '{"n":2}', { code: "KEY_MISSING", key: null, path: "id" }],
    ["a transform that throws", '{"id":"bad","n":13}', { code: "TRANSFORM_FAILED", key: "bad" }],
    ["a number beyond doubles", '{"id":"bad","n":1e999}', { code: "RECORD_INVALID", key: "bad", path: "n" }],
    ["data the database refuses", `{"id":"bad","n":2,"any":${refused[name]}}`, { code: "RECORD_REFUSED", key: "bad" }],
  ])("%s: one letter with the raw record, the others of its page land", async (_what, record, expected) => {
    const letters = await ingest(200, page(record));
    expect(letters).toMatchObject([
      { ...expected, stage: "transform", kind: "record", status: "open", attempts: 1, seq: 0, payload: record },
    ]);
    const [again, ...others] = await ingest(200, page(record));
    expect(others).toEqual([]);
    expect(again).toMatchObject({ id: letters[0]?.id, attempts: 2 });
    expect(again?.runId).not.toBe(letters[0]?.runId);
    expect(await context.store.queryView("SELECT key FROM records")).toEqual([{ key: "good" }]);
  });

  test.each([
    ["a page that cannot be parsed", 200, "<html>", "BODY_NOT_JSON"],
    ["a page without records", 200, '{"total":0}', "SELECTOR_MISSED"],
    ["an error that came as a success", 200, '{"error":"none"}', "ANSWERED_ERROR"],
    ["a permanent HTTP error", 404, "{}", "NOT_FOUND"],
    ["the last attempt", 503, "{}", "SERVER_ERROR"],
  ])("%s: one letter with the request, the run fails", async (_what, status, body, code) => {
    const [letter, ...others] = await ingest(status, body);
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ stage: "fetch", kind: "request", code, status: "open", attempts: 1, seq: 0 });
    expect(JSON.parse(letter?.payload ?? "")).toHaveProperty("position");
    expect((await context.store.readRun(letter?.runId ?? ""))?.run).toMatchObject({
      status: "failed",
      errorCode: code,
    });
    expect(await ingest(status, body)).toMatchObject([{ id: letter?.id, attempts: 2 }]);
  });

  test.each([
    ["a cursor", '{"id":"bad","c":"z\\u0000"}', { code: "CURSOR_INVALID", key: "bad", path: "c" }],
    ["half a character of a cursor", '{"id":"bad","c":"z\\ud800"}', { code: "CURSOR_INVALID", key: "bad", path: "c" }],
    ["a key", '{"id":"bad\\u0000","c":"b"}', { code: "RECORD_INVALID", key: "bad\uFFFD", path: "id" }],
    ["the name of a new field", '{"id":"new","c":"b","\\u0000\\ud800":1}', undefined],
    ["a time in the year 0", '{"id":"new","c":"b","at":"0000-01-01T00:00:00.000Z"}', undefined],
  ])("%s that a database does not take costs no other record of its page", async (_what, record, expected) => {
    const letters = await ingest(200, `[{"id":"good","c":"a"},${record}]`, "watched");
    expect(letters).toMatchObject(expected === undefined ? [] : [{ ...expected, kind: "record", payload: record }]);
    const keys = await context.store.queryView("SELECT key FROM records ORDER BY key");
    expect(keys.map(({ key }) => key)).toEqual(expected === undefined ? ["good", "new"] : ["good"]);
    const checkpoint = await context.store.checkpoint("dying", "watched", "live");
    expect(checkpoint?.bound).toBe(expected === undefined ? "b" : "a");
  });

  test("a request whose error cannot be written as it is: one letter, and the run ends", async () => {
    const [letter] = await ingest(200, '[{"id":"a"}]', "stuck");
    expect(letter).toMatchObject({ code: "CURSOR_STUCK", message: "dying.stuck: nothing behind a\uFFFDb\uFFFD" });
    const run = (await context.store.readRun(letter?.runId ?? ""))?.run;
    expect(run).toMatchObject({ status: "failed", errorMessage: letter?.message });
  });

  test("a letter that fails again is open again, whatever its transform says", async () => {
    await ingest(200, page('{"id":"bad","n":13}'));
    await redriven();
    expect(await context.store.listLetters({ limit: 10 })).toMatchObject([
      { status: "open", attempts: 2, message: "the transform threw: thirteen is not wanted: \uFFFD\uFFFD" },
    ]);
  });

  test("a page that is redriven sets aside what the database refuses, and lands the others", async () => {
    answer = { status: 200, body: page(`{"id":"bad","n":2,"any":${refused[name]}}`) };
    await startRun(context, { source: "dying", stream: "things" });
    await fetched();
    await transformHandler(context).settle(queues.take("transform"), new PermanentError("STALLED", "died"), job);
    await redriven();
    expect(await context.store.listLetters({ limit: 10 })).toMatchObject([
      { kind: "page", status: "resolved" },
      { kind: "record", status: "open", code: "RECORD_REFUSED", key: "bad", payload: expect.stringContaining('"n":2') },
    ]);
    expect(await context.store.queryView("SELECT key FROM records")).toEqual([{ key: "good" }]);
  });

  test("a payload the queue refuses: the letter of the request that brought it", async () => {
    answer = { status: 200, body: page() };
    const { run } = await startRun(context, { source: "dying", stream: "things" });
    queues.refuseNext(new PermanentError("PAYLOAD_TOO_LARGE", "more than a queue may hold"));
    await fetched();
    expect(await context.store.listLetters({ limit: 10 })).toMatchObject([
      { stage: "fetch", kind: "request", code: "PAYLOAD_TOO_LARGE", runId: run.runId },
    ]);
  });

  test("a page whose workers die each time, without any of them having a say: found, tried once more, kept whole", async () => {
    answer = { status: 200, body: page('{"id":"second","n":2}') };
    const { run } = await startRun(context, { source: "dying", stream: "things" });
    await fetched();
    const payload = queues.take("transform");
    const done: string[] = [];
    let isFirstFailure = true;
    const failed = (): FailedJob => ({
      type: "transform",
      payload,
      jobId: "stalled",
      reason: "job stalled more than allowable limit",
      stalls: 6,
      isFirstFailure,
      remove: async () => void done.push("removed"),
      retry: async () => void done.push("tried once more"),
    });
    const swept: FetchContext = { ...context, queues: { ...queues, failedJobs: () => given([failed()]) } };
    await sweepFailedJobs(swept);
    expect(await context.store.listLetters({ limit: 10 })).toEqual([]);
    isFirstFailure = false;
    // Twice, as by a sweep that died before it removed the job.
    for (const _time of [1, 2]) await sweepFailedJobs(swept);
    expect(done).toEqual(["tried once more", "removed", "removed", "removed"]);
    expect(await context.store.listLetters({ limit: 10 })).toMatchObject([
      { stage: "transform", kind: "page", code: "STALLED", attempts: 1, runId: run.runId, payload: answer.body },
    ]);
    expect((await context.store.readRun(run.runId))?.run.account).toMatchObject({ fetched: 2, deadLettered: 2 });
  });

  test("a page that lost count of a record: kept whole, and its run fails whatever its budget", async () => {
    answer = { status: 200, body: page() };
    const { run } = await startRun(context, { source: "dying", stream: "things" });
    await fetched();
    const payload = queues.take("transform");
    queues.jobs.push({ type: "transform", jobId: "t", payload: { ...payload, count: payload.count + 1 } });
    await transformed();
    expect(await context.store.listLetters({ limit: 10 })).toMatchObject([
      { kind: "page", code: "ACCOUNT_VIOLATED", payload: answer.body },
    ]);
    expect((await context.store.readRun(run.runId))?.run).toMatchObject({
      status: "failed",
      errorCode: "ACCOUNT_VIOLATED",
    });
    expect((await context.metrics.read()).text).toMatch(/penstock_account_violations_total\{.*\} 1/);
  });
});
