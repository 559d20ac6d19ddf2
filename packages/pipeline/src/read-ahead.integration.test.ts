import { pageNumber } from "@penstock/source/paginators/page-number";
import { databaseTargets } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, expect, test } from "vitest";
import type { FetchContext } from "./context.ts";
import { type AskedPage, fetchPage } from "./fetch.ts";
import { createManualQueues } from "./manual-queues.ts";
import { createReadAhead, type RequestLimits } from "./read-ahead.ts";
import type { ScriptedAnswer } from "./scripted-source.ts";
import { startRun } from "./start-run.ts";
import { openBench } from "./test-bench.ts";
import { transformPage } from "./transform.ts";

/* A fetcher that is alone with its queue. What it does is the same on every database, so one is enough. */

const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

type Options = {
  /** Instead of the page's answer. */
  answer?: (request: number) => ScriptedAnswer | undefined | Promise<ScriptedAnswer | undefined>;
  limits?: Partial<RequestLimits>;
};

/** An API of streams of three pages with a record each. */
async function bench({ answer = () => undefined, limits }: Options = {}) {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  const [target] = databaseTargets();
  if (target === undefined) throw new Error("there is no database to test on");
  const queues = createManualQueues();
  const underWay = { now: 0, most: 0 };
  const { context: alone, api } = await openBench(stack, target, queues, {
    streams: 2,
    stream: { records: "items", paginator: pageNumber({ isStable: true, totalPages: "pages" }) },
    answer: async (request, query) => {
      underWay.now += 1;
      underWay.most = Math.max(underWay.most, underWay.now);
      const answered = await answer(request);
      await new Promise((resolve) => setTimeout(resolve, 20));
      underWay.now -= 1;
      return (
        answered ?? { status: 200, body: JSON.stringify({ pages: 3, items: [{ id: Number(query.get("page")) }] }) }
      );
    },
  });
  const ahead = createReadAhead<AskedPage>(
    new Map([["scripted", { concurrency: 4, rateLimit: { max: 1_000, perMs: 1_000 }, ...limits }]]),
  );
  stack.defer(() => ahead.close());
  const context: FetchContext = { ...alone, ahead };
  const takeFetch = () => {
    const index = queues.jobs.findIndex(({ type }) => type === "fetch");
    const job = queues.jobs.splice(index, 1)[0];
    if (job?.type !== "fetch") throw new Error("no fetch job waits");
    return job;
  };
  const fetch = (job: ReturnType<typeof takeFetch>, signal = new AbortController().signal) =>
    fetchPage(context, job.payload, { jobId: job.jobId, attempt: 1, maxAttempts: 3, stalls: 0, signal });
  return {
    context,
    ahead,
    queues,
    requests: api.requests,
    underWay,
    takeFetch,
    fetch,
    fetchNext: () => fetch(takeFetch()),
    start: (stream = "s0") => startRun(context, { source: "scripted", stream }),
    askedFor: (count: number) => waitUntil(() => api.requests.length === count, { what: `${count} requests` }),
  };
}

test("the next page is asked for while this one is handed on, and once", async () => {
  const { context, queues, requests, start, fetchNext, askedFor } = await bench();
  const { run } = await start();
  for (const page of [1, 2, 3]) {
    await fetchNext();
    // The job behind it waits still.
    await askedFor(Math.min(page + 1, 3));
  }
  while (queues.jobs.length > 0) await transformPage(context, queues.take("transform"));
  expect(requests).toHaveLength(3);
  expect(await context.store.queryView("SELECT key FROM records ORDER BY key")).toEqual([
    { key: "1" },
    { key: "2" },
    { key: "3" },
  ]);
  expect((await context.store.readRun(run.runId))?.run).toMatchObject({ status: "succeeded", pages: 3 });
});

test("pages are observed one after the other, as they were asked for", async () => {
  const { queues, start, fetchNext } = await bench();
  await start();
  for (const _ of [1, 2, 3]) await fetchNext();
  const times = queues.jobs.map(({ payload }) => ("observedAt" in payload ? payload.observedAt : ""));
  expect(times).toHaveLength(3);
  expect(times).toEqual(times.toSorted());
});

test("an error is that of the job, noted once, and its next attempt asks again", async () => {
  const failsOnce = (request: number) => (request === 2 ? { status: 503 } : undefined);
  const { context, queues, requests, start, fetchNext, takeFetch, fetch, askedFor } = await bench({
    answer: failsOnce,
  });
  await start();
  await fetchNext();
  await askedFor(2);
  const second = takeFetch();
  await expect(fetch(second)).rejects.toMatchObject({ code: "SERVER_ERROR", details: { status: 503 } });
  expect(await context.store.sourceStates()).toMatchObject([{ source: "scripted", failures: 1 }]);
  await fetch(second);
  expect(queues.jobs.map(({ type }) => type)).toEqual(["transform", "transform", "fetch"]);
  await askedFor(4);
  expect(requests).toHaveLength(4);
});

test("a source that may be asked once at a time is, whatever is asked ahead", async () => {
  const { requests, underWay, start, fetchNext, askedFor } = await bench({ limits: { concurrency: 1 } });
  await Promise.all([start("s0"), start("s1")]);
  for (const _ of [1, 2, 3]) await Promise.all([fetchNext(), fetchNext()]);
  await askedFor(6);
  expect(underWay.most).toBe(1);
  expect(requests).toHaveLength(6);
});

test("what the rate leaves no room for waits for its job", async () => {
  const { requests, start, fetchNext, askedFor } = await bench({ limits: { rateLimit: { max: 2, perMs: 600_000 } } });
  await start();
  await fetchNext();
  await askedFor(2);
  await fetchNext();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(requests).toHaveLength(2);
  await fetchNext();
  expect(requests).toHaveLength(3);
});

test("a paused stream is not asked ahead, and its job is put off", async () => {
  const { context, requests, start, fetchNext, takeFetch, fetch } = await bench({ limits: { concurrency: 1 } });
  await start();
  const first = takeFetch();
  const { reach } = context;
  // Between the answer and the next request.
  context.reach = async (point) => {
    if (point === "fetch.answered")
      await context.store.setPaused("scripted", "s0", true, { actor: "test", reason: null });
    await reach(point);
  };
  await fetch(first);
  expect(await fetchNext()).toEqual({ deferMs: expect.any(Number) });
  expect(requests).toHaveLength(1);
});

test("closing ends a request under way, and its job asks for itself", async () => {
  const hangs = Promise.withResolvers<undefined>();
  const { ahead, queues, requests, start, fetchNext, askedFor } = await bench({
    answer: (request) => (request === 2 ? hangs.promise : undefined),
  });
  await start();
  await fetchNext();
  await askedFor(2);
  await ahead.close();
  await fetchNext();
  hangs.resolve(undefined);
  expect(requests).toHaveLength(3);
  expect(queues.jobs.map(({ type }) => type)).toEqual(["transform", "transform", "fetch"]);
});

test("a job that loses its lock ends the request it took over", async () => {
  const hangs = Promise.withResolvers<undefined>();
  const { start, fetchNext, takeFetch, fetch, askedFor } = await bench({
    answer: (request) => (request === 2 ? hangs.promise : undefined),
  });
  await start();
  await fetchNext();
  await askedFor(2);
  const lost = new AbortController();
  const fetched = fetch(takeFetch(), lost.signal);
  lost.abort();
  await expect(fetched).rejects.toMatchObject({ code: "CANCELLED" });
  hangs.resolve(undefined);
});
