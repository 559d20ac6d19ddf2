import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InfrastructureError, PermanentError } from "@penstock/core/errors";
import { withoutFailures } from "@penstock/core/failure-points";
import type { FailedJob, JobContext } from "@penstock/queues/queues";
import { createPageFetcher } from "@penstock/source/fetch-page";
import { loadSources } from "@penstock/source/load-sources";
import type { Source } from "@penstock/source/model";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import { createLogger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { createTraces } from "@penstock/telemetry/traces";
import { databaseTargets } from "@penstock/testing/databases";
import { type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { afterEach, describe, expect, test } from "vitest";
import type { FetchContext } from "./context.ts";
import { fetchPage } from "./fetch.ts";
import { createManualQueues, given, type ManualQueues } from "./manual-queues.ts";
import { createPageTransformer } from "./page-transformer.ts";
import { redriveLetter, requestRedrive, settleRedrive } from "./redrive.ts";
import { settleFetch } from "./settle-fetch.ts";
import { startRun } from "./start-run.ts";
import { sweepFailedJobs } from "./sweep.ts";
import { settleTransform, transformPage } from "./transform.ts";
import { createWatchdog } from "./watchdog.ts";

/*
 * The delivery protocol step by step: a test takes jobs from the queues as it likes – in another order, twice, after a
 * crash, not at all – and looks at what the real database then holds.
 */

const author = { actor: "cli:test@here", reason: null };
const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const sourcesDir = join(import.meta.dirname, "../../../sources");
const stream = { source: "external_api", stream: "data" };
const job: JobContext = { jobId: "j", attempt: 1, maxAttempts: 3, stalls: 0, signal: new AbortController().signal };

type Bench = { context: FetchContext; store: Store; queues: ManualQueues; api: ExternalApi; keys(): Promise<string[]> };
const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

describe.each(databaseTargets())("on $name", ({ create }) => {
  async function bench(options: Parameters<typeof startExternalApi>[0] = { records: 25 }): Promise<Bench> {
    const stack = new AsyncDisposableStack();
    open.push(stack);
    const database = stack.adopt(await create(), (created) => created.drop());
    const api = stack.adopt(await startExternalApi(options), (started) => started.close());
    const loaded = await loadSources(sourcesDir, { API_BASE_URL: api.url, BATCH_SIZE: "10" });
    const source = loaded.sources.find(({ name }) => name === stream.source) as Source;
    const store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
    const fetcher = stack.adopt(createPageFetcher(source), (created) => created.close());
    const queues = createManualQueues();
    const logDir = await mkdtemp(join(tmpdir(), "penstock-protocol-"));
    stack.defer(() => rm(logDir, { recursive: true, force: true }));
    const sources = new Map([[source.name, source]]);
    const context: FetchContext = {
      store,
      queues,
      sources,
      transformer: createPageTransformer(sources),
      fetchers: new Map([[source.name, fetcher]]),
      logger: createLogger({ app: "test", level: "silent", format: "json" }),
      metrics: createMetrics(),
      traces: createTraces(),
      settings: { backlogHigh: 100 },
      reach: withoutFailures,
      isHeldBack: async () => false,
    };
    const keys = async () =>
      (await store.queryView("SELECT key FROM records ORDER BY key")).map((row) => String(row["key"]));
    return { context, store, queues, api, keys };
  }

  const fetchNext = ({ context, queues }: Bench) => fetchPage(context, queues.take("fetch"), job);
  const transformNext = ({ context, queues }: Bench) => transformPage(context, queues.take("transform"));

  async function drain(at: Bench): Promise<void> {
    while (at.queues.jobs.length > 0) await (at.queues.jobs[0]?.type === "fetch" ? fetchNext(at) : transformNext(at));
  }
  const everyKey = ({ api }: Bench) => api.records.map(({ id }) => id).sort();
  const runOf = async ({ store }: Bench, runId: string) => (await store.readRun(runId))?.run;
  const boundOf = async ({ store }: Bench) =>
    (await store.checkpoint(stream.source, stream.stream, "live"))?.bound ?? null;

  test("a run lands every record, moves the bound and frees the partition", async () => {
    const at = await bench();
    const { run } = await startRun(at.context, stream);
    await drain(at);
    expect(await at.keys()).toEqual(everyKey(at));
    expect(await runOf(at, run.runId)).toMatchObject({
      status: "succeeded",
      account: { inserted: 25, deadLettered: 0 },
    });
    expect(await boundOf(at)).toBe(
      at.api.records.at(-1)?.ts && new Date(at.api.records.at(-1)?.ts as string).toISOString(),
    );
    expect((await startRun(at.context, stream)).isNew).toBe(true);
  });

  test("a tick that finds a live run leaves it alone, and gives it its first page again if its starter died", async () => {
    const at = await bench();
    const { run } = await startRun(at.context, stream);
    expect(await startRun(at.context, stream)).toMatchObject({ isNew: false, run: { runId: run.runId } });
    expect(at.queues.jobs).toHaveLength(1);
    at.queues.lose();
    expect(await startRun(at.context, stream)).toMatchObject({ isNew: false, run: { runId: run.runId } });
    expect(at.queues.jobs).toMatchObject([{ type: "fetch", payload: { runId: run.runId, seq: 0 } }]);
  });

  test("pages committed out of order move the bound only with the prefix", async () => {
    const at = await bench();
    await startRun(at.context, stream);
    await fetchNext(at);
    const first = at.queues.take("transform");
    await fetchNext(at);
    await transformNext(at);
    expect(await boundOf(at)).toBeNull();
    await transformPage(at.context, first);
    expect(await boundOf(at)).not.toBeNull();
    await drain(at);
    expect(await at.keys()).toEqual(everyKey(at));
  });

  test("every job delivered twice changes neither the table nor the account", async () => {
    const at = await bench();
    const { run } = await startRun(at.context, stream);
    while (at.queues.jobs.length > 0) {
      if (at.queues.jobs[0]?.type === "transform") {
        const payload = at.queues.take("transform");
        await transformPage(at.context, payload);
        await transformPage(at.context, payload);
      } else {
        const payload = at.queues.take("fetch");
        await fetchPage(at.context, payload, job);
        const known = at.queues.jobs.length;
        await fetchPage(at.context, payload, job);
        // A queue with deterministic ids would not have taken these; without them they run as well.
        if (payload.seq > 0) at.queues.jobs.splice(known);
      }
    }
    expect(await at.keys()).toEqual(everyKey(at));
    const ended = await runOf(at, run.runId);
    expect(ended?.status).toBe("succeeded");
    expect(ended?.account.inserted).toBe(25);
    expect(ended?.account.fetched).toBe((ended?.account.inserted ?? 0) + (ended?.account.unchanged ?? 0));
  });

  test("an API that answers differently the second time: both contents land, the first one counts", async () => {
    const at = await bench();
    const { run } = await startRun(at.context, stream);
    const page0 = at.queues.take("fetch");
    await fetchPage(at.context, page0, job);
    const answer = at.queues.take("transform");
    const successor = at.queues.take("fetch");
    at.api.add([{ id: "inserted-late", ts: at.api.records[3]?.ts as string, value: 1 }]);
    await fetchPage(at.context, page0, job);
    await transformNext(at);
    await transformPage(at.context, answer);
    at.queues.lose();
    at.queues.jobs.push({ type: "fetch", jobId: "x", payload: successor });
    await drain(at);
    expect(await at.keys()).toEqual(everyKey(at));
    expect((await runOf(at, run.runId))?.status).toMatch(/running|succeeded/);
  });

  test("a superseded run's late page lands its records and moves nothing else", async () => {
    const at = await bench();
    const old = await startRun(at.context, stream);
    await fetchNext(at);
    const late = at.queues.take("transform");
    const lateFetch = at.queues.take("fetch");
    const taken = await startRun(at.context, { ...stream, takeOver: { runId: old.run.runId } });
    expect(taken).toMatchObject({ isNew: true, superseded: old.run.runId, run: { fence: old.run.fence + 1 } });
    await fetchPage(at.context, lateFetch, job);
    expect(at.queues.jobs).toHaveLength(1);
    await transformPage(at.context, late);
    expect(await at.keys()).toHaveLength(10);
    expect(await boundOf(at)).toBeNull();
    await drain(at);
    expect(await at.keys()).toEqual(everyKey(at));
    expect((await runOf(at, old.run.runId))?.status).toBe("superseded");
    expect(await runOf(at, taken.run.runId)).toMatchObject({ status: "succeeded", account: { inserted: 15 } });
  });

  test("a queue that lost everything: the watchdog starts a new run from the bound", async () => {
    const at = await bench();
    const { run } = await startRun(at.context, stream);
    await fetchNext(at);
    await transformNext(at);
    const bound = await boundOf(at);
    at.queues.lose();
    let time = 0;
    const watchdog = createWatchdog(at.context, { suspicionMs: 1_000, now: () => time });
    expect(await watchdog.look()).toEqual([]);
    time = 999;
    expect(await watchdog.look()).toEqual([]);
    time = 1_001;
    expect(await watchdog.look()).toEqual([run.runId]);
    expect(at.queues.jobs).toHaveLength(1);
    const [live] = await at.store.liveRuns();
    expect(live?.boundAtStart).toBe(bound);
    await drain(at);
    expect(await at.keys()).toEqual(everyKey(at));
  });

  test("the watchdog leaves a run alone that has a job or made progress", async () => {
    const at = await bench();
    await startRun(at.context, stream);
    let time = 0;
    const watchdog = createWatchdog(at.context, { suspicionMs: 1_000, now: () => (time += 5_000) });
    await watchdog.look();
    expect(await watchdog.look()).toEqual([]);
    await fetchNext(at);
    const transform = at.queues.take("transform");
    at.queues.lose();
    await watchdog.look();
    await transformPage(at.context, transform);
    expect(await watchdog.look()).toEqual([]);
  });

  test("a job that cannot be enqueued leaves no trace but the work to repeat", async () => {
    const at = await bench();
    await startRun(at.context, stream);
    const page0 = at.queues.take("fetch");
    at.queues.refuseNext(new InfrastructureError("QUEUE_UNAVAILABLE", "away"));
    await expect(fetchPage(at.context, page0, job)).rejects.toThrow(InfrastructureError);
    expect(at.queues.jobs).toHaveLength(0);
    await fetchPage(at.context, page0, job);
    await drain(at);
    expect(await at.keys()).toEqual(everyKey(at));
  });

  test("a request given up: letter and failed run together, the bound stays, the next run resolves the letter", async () => {
    const at = await bench();
    const { run } = await startRun(at.context, stream);
    const page0 = at.queues.take("fetch");
    await settleFetch(at.context, page0, new PermanentError("UNAUTHORIZED", "refused"));
    expect(await runOf(at, run.runId)).toMatchObject({ status: "failed", errorCode: "UNAUTHORIZED" });
    expect(await boundOf(at)).toBeNull();
    expect(await at.store.listLetters({ status: "open", limit: 10 })).toMatchObject([
      { stage: "fetch", kind: "request", code: "UNAUTHORIZED", attempts: 1 },
    ]);
    await startRun(at.context, stream);
    await drain(at);
    expect(await at.store.listLetters({ status: "open", limit: 10 })).toEqual([]);
    expect(await at.keys()).toEqual(everyKey(at));
  });

  test("a page given up: one letter with all of it, the prefix goes on, redrive lands it", async () => {
    const at = await bench();
    const { run } = await startRun(at.context, stream);
    await fetchNext(at);
    await settleTransform(at.context, at.queues.take("transform"), new PermanentError("STALLED", "its worker died"));
    await drain(at);
    const ended = await runOf(at, run.runId);
    // The next page reads the boundary record again, which is the sixteenth to be inserted.
    expect(ended?.account).toMatchObject({ deadLettered: 10, inserted: 16 });
    const [letter] = await at.store.listLetters({ status: "open", limit: 10 });
    expect(JSON.parse(letter?.payload ?? "null")).toHaveLength(10);
    expect(await requestRedrive(at.context, { status: "open", limit: 10 }, author)).toHaveLength(1);
    await redriveLetter(at.context, at.queues.take("redrive"));
    expect(await at.keys()).toEqual(everyKey(at));
    expect(await at.store.countLetters({ status: "open" })).toBe(0);
  });

  test("a record's letter is met once however often, redriven with today's definition, open again if it still fails", async () => {
    const at = await bench({ records: 5 });
    at.api.add([{ id: "bad", ts: "2026-01-01T00:00:00Z", value: "not a number" as unknown as number }]);
    await startRun(at.context, stream);
    await drain(at);
    const [letter] = await at.store.listLetters({ status: "open", limit: 10 });
    expect(letter).toMatchObject({ kind: "record", key: "bad", code: "RECORD_INVALID", path: "value", redrives: 0 });
    await requestRedrive(at.context, { ids: [letter?.id ?? ""], limit: 1 }, author);
    const redrive = at.queues.take("redrive");
    const failure = await redriveLetter(at.context, redrive).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: "RECORD_INVALID" });
    await settleRedrive(at.context, redrive, failure);
    const [again] = await at.store.listLetters({ status: "open", limit: 10 });
    expect(again).toMatchObject({ id: letter?.id, redrives: 1 });
    expect(again?.attempts).toBeGreaterThan(letter?.attempts ?? 0);
    // A job of an earlier redrive that turns up late finds another count and does nothing.
    await redriveLetter(at.context, redrive);
    expect(await at.store.countLetters({ status: "open" })).toBe(1);
  });

  test("a time in the far future is stored and is no bound, so that nothing before it is missed", async () => {
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
    const at = await bench({
      records: [
        { id: "a", ts: hoursAgo(3), value: 1 },
        { id: "b", ts: hoursAgo(2), value: 2 },
        { id: "bogus", ts: "2099-01-01T00:00:00.000Z", value: 3 },
      ],
    });
    await startRun(at.context, stream);
    await drain(at);
    expect(await boundOf(at)).toBe(at.api.records[1]?.ts);
    at.api.add([{ id: "late", ts: hoursAgo(1), value: 4 }]);
    await startRun(at.context, stream);
    await drain(at);
    expect(await at.keys()).toEqual(["a", "b", "bogus", "late"]);
  });

  test("a failed job nobody can read fails its run, and keeps none behind it from being settled", async () => {
    const at = await bench();
    const { run } = await startRun(at.context, stream);
    await fetchNext(at);
    const readable = at.queues.take("transform");
    const removed: string[] = [];
    const failed = (jobId: string, payload: unknown) => ({
      type: "transform",
      payload,
      jobId,
      reason: "stalled",
      stalls: 6,
      isFirstFailure: false,
      remove: async () => void removed.push(jobId),
      retry: async () => {},
    });
    const jobs = [failed("empty", {}), failed("readable", readable), failed("cut", { runId: run.runId })];
    const context = { ...at.context, queues: { ...at.queues, failedJobs: () => given(jobs as FailedJob[]) } };
    await sweepFailedJobs(context);
    expect(removed).toEqual(["empty", "readable", "cut"]);
    expect(await at.store.countLetters({ status: "open" })).toBe(1);
    expect(await runOf(at, run.runId)).toMatchObject({ status: "failed", errorCode: "PAYLOAD_UNREADABLE" });
  });

  test("the newest observation wins whatever the order of arrival", async () => {
    const at = await bench({ records: 1 });
    await startRun(at.context, stream);
    await fetchNext(at);
    const page = at.queues.take("transform");
    const [record] = at.api.records;
    if (record) record.value = 42;
    await startRun(at.context, { ...stream, takeOver: "any" });
    at.queues.jobs.splice(0, at.queues.jobs.length - 1);
    await drain(at);
    await transformPage(at.context, page);
    const [row] = await at.store.queryView("SELECT data FROM records");
    expect(JSON.stringify(row?.["data"])).toContain("4200");
  });
});
