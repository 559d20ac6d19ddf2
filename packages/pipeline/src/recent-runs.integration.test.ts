import { pageNumber } from "@penstock/source/paginators/page-number";
import type { RunState } from "@penstock/store/store";
import { databaseTargets } from "@penstock/testing/databases";
import { afterEach, expect, test, vi } from "vitest";
import { type FetchContext, runAheadPages } from "./context.ts";
import { fetchPage } from "./fetch.ts";
import { createManualQueues } from "./manual-queues.ts";
import { createRecentRuns } from "./recent-runs.ts";
import type { ScriptedAnswer } from "./scripted-source.ts";
import { startRun } from "./start-run.ts";
import { openBench } from "./test-bench.ts";
import { transformPage } from "./transform.ts";

/* What is done with a run is the same on every database, so one is enough. */

const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

type Answer = (request: number) => ScriptedAnswer | undefined;

/** An API of streams of many pages, whose runs are recalled for as long as the clock stands still: it does but where `now` is given. */
async function bench(answer: Answer = () => undefined, now: () => number = () => 0) {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  const [target] = databaseTargets();
  if (target === undefined) throw new Error("there is no database to test on");
  const queues = createManualQueues();
  const { context: plain, api } = await openBench(stack, target, queues, {
    streams: 2,
    stream: { records: "items", paginator: pageNumber({ isStable: true, totalPages: "pages" }) },
    answer: (request, query) =>
      answer(request) ?? {
        status: 200,
        body: JSON.stringify({ pages: 99, items: [{ id: Number(query.get("page")) }] }),
      },
  });
  const readRun = vi.fn<(runId: string) => Promise<RunState | undefined>>(plain.store.readRun);
  const context: FetchContext = { ...plain, recent: createRecentRuns(readRun, now) };
  const fetchNext = (stream = "s0") => {
    const index = queues.jobs.findIndex(({ type, payload }) => type === "fetch" && payload.stream === stream);
    const job = queues.jobs.splice(index, 1)[0];
    if (job?.type !== "fetch") throw new Error("no fetch job waits");
    const { jobId, payload } = job;
    const { signal } = new AbortController();
    const again = () => fetchPage(context, payload, { jobId, attempt: 1, maxAttempts: 3, stalls: 0, signal });
    return again().then((outcome) => ({ outcome, again }));
  };
  const start = (stream = "s0") => startRun(context, { source: "scripted", stream });
  return { context, queues, requests: api.requests, readRun, fetchNext, start };
}

test("pages that follow each other within a moment ask for their run once", async () => {
  let time = 0;
  const { requests, readRun, start, fetchNext } = await bench(undefined, () => time);
  await start();
  for (const _ of [1, 2, 3]) await fetchNext();
  expect([requests.length, readRun.mock.calls.length]).toEqual([3, 1]);
  time += 25;
  for (const _ of [4, 5]) await fetchNext();
  expect([requests.length, readRun.mock.calls.length]).toEqual([5, 2]);
});

test("pages are observed before their requests, and not before the answer of the one before", async () => {
  const { queues, requests, readRun, start, fetchNext } = await bench(undefined, () => performance.now());
  await start();
  for (let page = 0; page < 20; page++) await fetchNext();
  expect(readRun.mock.calls.length).toBeLessThan(20);
  const times = queues.jobs.flatMap(({ payload }) => ("observedAt" in payload ? [Date.parse(payload.observedAt)] : []));
  expect(times).toHaveLength(20);
  for (const [page, at] of times.entries()) {
    expect(at).toBeLessThanOrEqual(Math.ceil(requests[page] ?? 0));
    // The database tells its time some milliseconds before that is known here.
    if (page > 0) expect(at).toBeGreaterThan((requests[page - 1] ?? Number.POSITIVE_INFINITY) - 20);
  }
});

test("what stops a page is read anew: a pause that is over", async () => {
  const { context, requests, start, fetchNext } = await bench();
  const author = { actor: "test", reason: null };
  await start();
  await context.store.setPaused("scripted", "s0", true, author);
  const { outcome, again } = await fetchNext();
  expect(outcome).toEqual({ deferMs: expect.any(Number) });
  await context.store.setPaused("scripted", "s0", false, author);
  expect(await again()).toBeUndefined();
  expect(requests).toHaveLength(1);
});

test("what stops a page is read anew: a wait that another process ended", async () => {
  const { context, requests, start, fetchNext } = await bench();
  const { changeSourceState } = context.store;
  await start();
  await changeSourceState("scripted", (state, now) => ({ ...state, throttledUntil: new Date(now.getTime() + 30_000) }));
  const { outcome, again } = await fetchNext();
  expect(outcome).toEqual({ throttleMs: expect.any(Number) });
  await changeSourceState("scripted", (state) => ({ ...state, throttledUntil: null }));
  expect(await again()).toBeUndefined();
  expect(requests).toHaveLength(1);
});

test("what stops a page is read anew: pages before it that wait for their commit", async () => {
  const { context, queues, requests, start, fetchNext } = await bench();
  await start();
  for (let page = 0; page < runAheadPages; page++) expect((await fetchNext()).outcome).toBeUndefined();
  const { outcome, again } = await fetchNext();
  expect(outcome).toEqual({ deferMs: expect.any(Number) });
  expect(requests).toHaveLength(runAheadPages);
  await transformPage(context, queues.take("transform"));
  expect(await again()).toBeUndefined();
  expect(requests).toHaveLength(runAheadPages + 1);
});

test.each<[string, ScriptedAnswer]>([
  ["a pause that the API asks one stream for", { status: 429, headers: { "retry-after": "30" } }],
  [
    "a rate that is used up",
    {
      status: 200,
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "30" },
      body: JSON.stringify({ pages: 99, items: [{ id: 3 }] }),
    },
  ],
])("%s holds for all at once", async (_, third) => {
  const { requests, start, fetchNext } = await bench((request) => (request === 3 ? third : undefined));
  await start("s0");
  await start("s1");
  await fetchNext("s0");
  await fetchNext("s1");
  await fetchNext("s0").catch((error: unknown) => expect(error).toMatchObject({ code: "THROTTLED" }));
  expect((await fetchNext("s1")).outcome).toEqual({ throttleMs: expect.any(Number) });
  expect(requests).toHaveLength(3);
});
