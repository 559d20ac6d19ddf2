import { join } from "node:path";
import { InfrastructureError, PermanentError } from "@penstock/core/errors";
import { withoutFailures } from "@penstock/core/failure-points";
import type { JobContext } from "@penstock/queues/queues";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { createPageFetcher } from "@penstock/source/fetch-page";
import { keyset } from "@penstock/source/paginators/keyset";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import { createLogger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { createTraces } from "@penstock/telemetry/traces";
import { databaseTargets } from "@penstock/testing/databases";
import { type IssueApi, startIssueApi } from "@penstock/testing/simulators/issue-api";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { FetchContext } from "./context.ts";
import { fetchPage } from "./fetch.ts";
import { createManualQueues, type ManualQueues } from "./manual-queues.ts";
import { createPageTransformer } from "./page-transformer.ts";
import { redriveLetter, requestRedrive } from "./redrive.ts";
import { settleFetch } from "./settle-fetch.ts";
import { startChildren, startDueRuns } from "./start-children.ts";
import { startRun } from "./start-run.ts";
import { tick } from "./tick.ts";
import { settleTransform, transformPage } from "./transform.ts";
import { createWatchdog } from "./watchdog.ts";

/*
 * Issues and their comments, step by step: a test takes jobs as it likes, and a crash is what it leaves undone.
 */

const author = { actor: "cli:test@here", reason: null };
const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const job: JobContext = { jobId: "j", attempt: 1, maxAttempts: 3, stalls: 0, signal: new AbortController().signal };
const issues = { source: "tracker", stream: "issues" };
const comments = { source: "tracker", stream: "comments" };

function trackerAt(baseUrl: string) {
  const common = { cursor: { field: "updated_at" }, order: "asc", paginator: keyset({ pageSize: 10 }) } as const;
  const issue = z.object({ number: z.int(), title: z.string(), updated_at: z.iso.datetime() });
  const comment = z.object({ id: z.int(), body: z.string(), updated_at: z.iso.datetime() });
  const configured = defineSource({
    name: "tracker",
    baseUrl,
    concurrency: 2,
    streams: {
      comments: defineStream({
        ...common,
        parent: { stream: "issues", fields: issue.pick({ number: true }) },
        path: "/issues/{number}/comments",
        schema: comment,
        output: comment.extend({ issue: z.int() }),
        transform: (record, { parent }) => ({ ...record, issue: parent.number }),
        key: "id",
      }),
      issues: defineStream({ ...common, path: "/issues", schema: issue, key: "number" }),
    },
  }).configure({});
  if (!configured.isConfigured) throw new Error("not configured");
  return configured.source;
}

type Bench = { context: FetchContext; store: Store; queues: ManualQueues; api: IssueApi };
const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

describe.each(databaseTargets())("child streams on $name", ({ create }) => {
  async function bench(options = { issues: 3, commentsEach: 2 }): Promise<Bench> {
    const stack = new AsyncDisposableStack();
    open.push(stack);
    const database = stack.adopt(await create(), (created) => created.drop());
    const api = stack.use(await startIssueApi(options));
    const source = trackerAt(api.url);
    const store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
    const fetcher = stack.adopt(createPageFetcher(source), (created) => created.close());
    const sources = new Map([[source.name, source]]);
    const queues = createManualQueues();
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
    return { context, store, queues, api };
  }

  /** Works on what waits until nothing does; a request that is refused is given up, as by a worker. */
  async function drain({ context, queues }: Bench): Promise<void> {
    while (queues.jobs.length > 0) {
      if (queues.jobs[0]?.type !== "fetch") await transformPage(context, queues.take("transform"));
      else {
        const payload = queues.take("fetch");
        await fetchPage(context, payload, job).catch((error: unknown) => settleFetch(context, payload, error));
      }
    }
  }

  async function drainChildren(at: Bench): Promise<void> {
    while ((await startDueRuns(at.context, comments)) > 0) await drain(at);
  }

  async function runIssues(at: Bench): Promise<void> {
    await startRun(at.context, issues);
    await drain(at);
  }

  const stored = async ({ store }: Bench) => {
    const rows = await store.queryView("SELECT key FROM records WHERE stream = 'comments'");
    return rows.map((row) => String(row["key"])).sort();
  };
  const expected = ({ api }: Bench) =>
    [...api.comments].flatMap(([number, thread]) => thread.map(({ id }) => `["${number}","${id}"]`)).sort();
  const countsOf = async ({ store }: Bench) =>
    (await store.streamStates()).find(({ checkpoint }) => checkpoint.stream === "comments")?.partitions;

  test("the comments of every issue land under their issue, though their ids are the same", async () => {
    const at = await bench({ issues: 25, commentsEach: 3 });
    await runIssues(at);
    await drainChildren(at);
    expect(await stored(at)).toEqual(expected(at));
    expect(await countsOf(at)).toEqual({ total: 25, due: 0, failing: 0, oldestDueSince: null });
    const [row] = await at.store.queryView(`SELECT data FROM records WHERE key = '["7","2"]'`);
    expect(JSON.stringify(row?.["data"])).toMatch(/issue\W+7/);
  });

  test("later only issues that changed or are new are asked for theirs, each from its own bound", async () => {
    const at = await bench();
    await runIssues(at);
    await drainChildren(at);
    at.api.touch(2, 1);
    at.api.touch(4, 2);
    at.api.requests.splice(0);
    await runIssues(at);
    await drainChildren(at);
    expect(await stored(at)).toEqual(expected(at));
    const asked = at.api.requests.filter((path) => path.includes("comments"));
    expect(new Set(asked.map((path) => path.split("/")[2]))).toEqual(new Set(["2", "4"]));
    const last = Date.parse(at.api.comments.get(2)?.[1]?.updated_at ?? "");
    const since = asked
      .map((path) => new URL(path, at.api.url))
      .find(({ pathname, searchParams }) => pathname === "/issues/2/comments" && searchParams.has("since"));
    expect(Math.abs(last - Date.parse(since?.searchParams.get("since") ?? ""))).toBeLessThanOrEqual(1);
  });

  test("as many runs are live as twice the source's concurrency", async () => {
    const at = await bench({ issues: 10, commentsEach: 1 });
    await runIssues(at);
    await startChildren(at.context);
    await startChildren(at.context);
    expect(at.queues.jobs).toHaveLength(4);
    expect(at.queues.jobs[0]).toMatchObject({
      type: "fetch",
      payload: { partition: "parent:1", parent: { number: 1 } },
    });
  });

  test("killed at any step, everything lands once what was lost is found", async () => {
    const at = await bench({ issues: 2, commentsEach: 2 });
    let time = 0;
    const watchdog = createWatchdog(at.context, { suspicionMs: 1_000, now: () => (time += 2_000) });
    const recover = async () => {
      at.queues.lose();
      await watchdog.look();
      expect((await watchdog.look()).length).toBeGreaterThan(0);
    };
    await runIssues(at);
    // Marked, not started: nothing but the database knows.
    at.queues.lose();
    expect(await countsOf(at)).toBeUndefined();
    // Started, not enqueued.
    at.queues.refuseNext(new InfrastructureError("QUEUE_UNAVAILABLE", "away"));
    await expect(startDueRuns(at.context, comments)).rejects.toThrow("away");
    expect(await startDueRuns(at.context, comments)).toBe(0);
    await recover();
    // Enqueued, not fetched.
    await recover();
    // Fetched, not committed.
    await fetchPage(at.context, at.queues.take("fetch"), job);
    await recover();
    // Committed, not ended: the keyset's empty page is missing.
    await fetchPage(at.context, at.queues.take("fetch"), job);
    const page = at.queues.take("transform");
    await transformPage(at.context, page);
    await recover();
    expect((await countsOf(at))?.due).toBe(2);
    await drain(at);
    await transformPage(at.context, page);
    await drainChildren(at);
    expect(await stored(at)).toEqual(expected(at));
    expect(await countsOf(at)).toMatchObject({ total: 2, due: 0, failing: 0 });
  });

  test("an issue whose comments answer 404 fails for itself, waits, and is redriven in its partition", async () => {
    const at = await bench();
    at.api.hidden.add(2);
    await runIssues(at);
    await drainChildren(at);
    expect(await stored(at)).toEqual(expected(at).filter((key) => !key.startsWith('["2"')));
    expect(await countsOf(at)).toMatchObject({ total: 3, due: 1, failing: 1 });
    const letters = await at.store.listLetters({ status: "open", limit: 9 });
    expect(letters).toMatchObject([{ partition: "parent:2", code: "NOT_FOUND", kind: "request", attempts: 1 }]);
    expect(await startDueRuns(at.context, comments)).toBe(0);
    at.api.hidden.clear();
    await requestRedrive(at.context, { status: "open", limit: 9 }, author);
    await redriveLetter(at.context, at.queues.take("redrive"));
    await drain(at);
    expect(await stored(at)).toEqual(expected(at));
    expect(await countsOf(at)).toMatchObject({ due: 0, failing: 0 });
    expect(await at.store.countLetters({ status: "open" })).toBe(0);
  });

  test("a page and a record that were given up are redriven with the parent's values", async () => {
    const at = await bench({ issues: 1, commentsEach: 2 });
    at.api.comments.get(1)?.push({ id: 9, body: 9 as unknown as string, updated_at: "2026-02-01T00:00:00Z" });
    await runIssues(at);
    await startDueRuns(at.context, comments);
    await fetchPage(at.context, at.queues.take("fetch"), job);
    const given = at.queues.take("transform");
    await settleTransform(at.context, given, new PermanentError("STALLED", "its worker died"));
    await drain(at);
    await requestRedrive(at.context, { status: "open", limit: 9 }, author);
    await redriveLetter(at.context, at.queues.take("redrive"));
    const rows = await at.store.queryView("SELECT key FROM records WHERE stream = 'comments' ORDER BY key");
    expect(rows.map(({ key }) => key)).toEqual(['["1","1"]', '["1","2"]']);
    expect(await at.store.listLetters({ status: "open", limit: 9 })).toMatchObject([
      { kind: "record", key: '["1","9"]', partition: "parent:1" },
    ]);
  });

  test("a lost run whose issue is gone is cancelled", async () => {
    const at = await bench({ issues: 1, commentsEach: 1 });
    await runIssues(at);
    await startDueRuns(at.context, comments);
    const [run] = await at.store.liveRuns();
    const gone = { ...at.context, store: { ...at.store, readRecord: async () => undefined } };
    at.queues.lose();
    let time = 0;
    const watchdog = createWatchdog(gone, { suspicionMs: 1_000, now: () => (time += 2_000) });
    await watchdog.look();
    await watchdog.look();
    expect((await at.store.readRun(run?.runId ?? ""))?.run).toMatchObject({
      status: "cancelled",
      errorCode: "PARENT_VALUE_INVALID",
    });
  });

  test("a tick of the child makes all its partitions due; there is no run of the stream itself", async () => {
    const at = await bench();
    await runIssues(at);
    await drainChildren(at);
    await tick(at.context, { ...comments, mode: "incremental" }, "tick");
    expect(await countsOf(at)).toMatchObject({ total: 3, due: 3 });
    await expect(startRun(at.context, comments)).rejects.toMatchObject({ code: "PARENT_VALUE_INVALID" });
  });
});
