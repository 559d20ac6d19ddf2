import { setTimeout as delay } from "node:timers/promises";
import { InfrastructureError } from "@penstock/core/errors";
import type { Paginator } from "@penstock/source/paginator";
import { linkHeader } from "@penstock/source/paginators/links";
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
  answer?: (
    request: number,
    query: URLSearchParams,
  ) => ScriptedAnswer | undefined | Promise<ScriptedAnswer | undefined>;
  limits?: Partial<RequestLimits>;
  paginator?: Paginator;
};

const byNumber = pageNumber({ isStable: true, totalPages: "pages" });

/** An API of streams of three pages with a record each, or as it says. */
async function bench({ answer = () => undefined, limits, paginator = byNumber }: Options = {}) {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  const [target] = databaseTargets();
  if (target === undefined) throw new Error("there is no database to test on");
  const queues = createManualQueues();
  const underWay = { now: 0, most: 0 };
  const { context: alone, api } = await openBench(stack, target, queues, {
    streams: 2,
    stream: { records: "items", paginator },
    answer: async (request, query) => {
      underWay.now += 1;
      underWay.most = Math.max(underWay.most, underWay.now);
      const answered = await answer(request, query);
      await delay(20);
      underWay.now -= 1;
      return (
        answered ?? { status: 200, body: JSON.stringify({ pages: 3, items: [{ id: Number(query.get("page")) }] }) }
      );
    },
  });
  const ahead = createReadAhead<AskedPage>({ concurrency: 4, rateLimit: { max: 1_000, perMs: 1_000 }, ...limits });
  stack.defer(() => ahead.close());
  const context: FetchContext = { ...alone, ahead: new Map([["scripted", ahead]]) };
  const takeFetch = () => {
    const index = queues.jobs.findIndex(({ type }) => type === "fetch");
    const job = queues.jobs.splice(index, 1)[0];
    if (job?.type !== "fetch") throw new Error("no fetch job waits");
    return job;
  };
  const fetch = (job: ReturnType<typeof takeFetch>, { signal = new AbortController().signal, stalls = 0 } = {}) =>
    fetchPage(context, job.payload, { jobId: job.jobId, attempt: 1, maxAttempts: 3, stalls, signal });
  const transformAll = async () => {
    while (queues.jobs.length > 0) await transformPage(context, queues.take("transform"));
    const rows = await context.store.queryView("SELECT key FROM records ORDER BY key");
    return rows.map(({ key }) => key);
  };
  return {
    context,
    ahead,
    queues,
    requests: api.requests,
    underWay,
    takeFetch,
    fetch,
    fetchNext: () => fetch(takeFetch()),
    transformAll,
    start: (stream = "s0") => startRun(context, { source: "scripted", stream }),
    askedFor: (count: number) => waitUntil(() => api.requests.length === count, { what: `${count} requests` }),
  };
}

test("the next page is asked for before this one is handed on, and once", async () => {
  const { context, requests, start, fetchNext, askedFor, transformAll } = await bench();
  const { run } = await start();
  const packed: number[] = [];
  context.reach = async (point) => {
    if (point !== "fetch.packed") return;
    packed.push(packed.length + 1);
    await askedFor(Math.min(packed.length + 1, 3));
  };
  for (const _ of [1, 2, 3]) await fetchNext();
  expect(await transformAll()).toEqual(["1", "2", "3"]);
  expect([packed, requests.length]).toEqual([[1, 2, 3], 3]);
  expect((await context.store.readRun(run.runId))?.run).toMatchObject({ status: "succeeded", pages: 3 });
});

test("pages are observed before their requests, one after the other", async () => {
  const { queues, requests, start, fetchNext } = await bench();
  await start();
  for (const _ of [1, 2, 3]) await fetchNext();
  const times = queues.jobs.map(({ payload }) =>
    "observedAt" in payload ? Date.parse(payload.observedAt) : Number.NaN,
  );
  expect(times).toHaveLength(3);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  for (const [page, at] of times.entries()) {
    expect(at).toBeLessThanOrEqual(requests[page] ?? 0);
    if (page > 0) expect(at).toBeGreaterThanOrEqual(requests[page - 1] ?? Number.POSITIVE_INFINITY);
  }
});

test("a page that is asked for again is followed by what was asked for behind it, not by what was there before", async () => {
  const list = [1, 2, 3, 4, 5];
  const { queues, start, takeFetch, fetch, fetchNext, transformAll, askedFor } = await bench({
    paginator: linkHeader(),
    answer: (_, query) => {
      const from = Number(query.get("from") ?? 0);
      const body = JSON.stringify({ items: list.slice(from, from + 2).map((id) => ({ id })) });
      const headers = from + 2 < list.length ? { link: `</items?from=${from + 2}>; rel="next"` } : {};
      return { status: 200, body, headers };
    },
  });
  await start();
  const first = takeFetch();
  queues.refuseNext(new InfrastructureError("QUEUE_UNAVAILABLE", "away"));
  await expect(fetch(first)).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
  await askedFor(2);
  list.unshift(9);
  await fetch(first);
  while (queues.jobs.some(({ type }) => type === "fetch")) await fetchNext();
  expect(await transformAll()).toEqual(["1", "2", "3", "4", "5", "9"]);
});

test("a job that lost its process goes nowhere ahead, and drops what was asked for behind it", async () => {
  const { queues, requests, start, takeFetch, fetch, fetchNext, askedFor } = await bench();
  await start();
  const first = takeFetch();
  queues.refuseNext(new InfrastructureError("QUEUE_UNAVAILABLE", "away"));
  await expect(fetch(first)).rejects.toMatchObject({ code: "QUEUE_UNAVAILABLE" });
  await askedFor(2);
  await fetch(first, { stalls: 1 });
  await delay(100);
  expect(requests).toHaveLength(3);
  await fetchNext();
  await askedFor(5);
  expect(requests).toHaveLength(5);
});

test("of a pause that the API asked for, the job waits what is left", async () => {
  const { requests, start, fetchNext, askedFor, context } = await bench({
    answer: (request) => (request === 2 ? { status: 429, headers: { "retry-after": "2" } } : undefined),
  });
  await start();
  await fetchNext();
  await askedFor(2);
  await waitUntil(async () => (await context.store.sourceStates()).length > 0, { what: "the pause to be noted" });
  await delay(500);
  const outcome = await fetchNext();
  expect(outcome).toEqual({ throttleMs: expect.any(Number) });
  expect((outcome as { throttleMs: number }).throttleMs).toBeLessThan(1_600);
  expect(requests).toHaveLength(2);
});

test("what an answer says about the rate holds as soon as it is there", async () => {
  const { context, requests, start, fetchNext, takeFetch, fetch, askedFor } = await bench({
    answer: (request) =>
      request === 2
        ? {
            status: 200,
            headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "30" },
            body: JSON.stringify({ pages: 3, items: [{ id: 2 }] }),
          }
        : undefined,
  });
  await start("s0");
  await fetchNext();
  await askedFor(2);
  await waitUntil(async () => (await context.store.sourceStates()).length > 0, { what: "the pause to be noted" });
  takeFetch();
  await start("s1");
  expect(await fetch(takeFetch())).toEqual({ throttleMs: expect.any(Number) });
  expect(requests).toHaveLength(2);
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

test("what the rate leaves no room for waits in the queue, and no request is sent", async () => {
  const { requests, start, fetchNext, askedFor } = await bench({ limits: { rateLimit: { max: 2, perMs: 600_000 } } });
  await start();
  await fetchNext();
  await askedFor(2);
  await fetchNext();
  expect(await fetchNext()).toEqual({ deferMs: expect.any(Number) });
  expect(requests).toHaveLength(2);
});

test("in a source's time are never more requests than may be, and all is asked for", async () => {
  const rateLimit = { max: 2, perMs: 60 };
  const { requests, start, fetchNext } = await bench({ limits: { rateLimit } });
  await Promise.all([start("s0"), start("s1")]);
  for (const _ of [1, 2, 3]) await Promise.all([fetchNext(), fetchNext()]);
  expect(requests).toHaveLength(6);
  // When they come differs by some milliseconds from when they were sent.
  for (const [i, at] of requests.slice(2).entries()) expect(at - (requests[i] ?? 0)).toBeGreaterThan(40);
});

test("a paused stream is not asked ahead, and its job finds out itself whether it still is", async () => {
  const { context, requests, start, fetchNext, takeFetch, fetch } = await bench();
  const author = { actor: "test", reason: null };
  await start();
  context.reach = async (point) => {
    // Behind the answer, and before the next request.
    if (point === "fetch.answered" && requests.length === 1)
      await context.store.setPaused("scripted", "s0", true, author);
  };
  await fetch(takeFetch());
  await delay(100);
  expect(requests).toHaveLength(1);
  await context.store.setPaused("scripted", "s0", false, author);
  expect(await fetchNext()).toBeUndefined();
  expect(requests.length).toBeGreaterThanOrEqual(2);
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
  const fetched = fetch(takeFetch(), { signal: lost.signal });
  lost.abort();
  await expect(fetched).rejects.toMatchObject({ code: "CANCELLED" });
  hangs.resolve(undefined);
});
