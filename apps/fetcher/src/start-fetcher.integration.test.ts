import { setTimeout as delay } from "node:timers/promises";
import { startRun } from "@penstock/pipeline/start-run";
import { openBench } from "@penstock/pipeline/test-bench";
import { openQueueBackend } from "@penstock/queues/backend";
import { createQueues } from "@penstock/queues/create-queues";
import type { SourceLimits } from "@penstock/queues/queues";
import { pageNumber } from "@penstock/source/paginators/page-number";
import { databaseTargets, queueTargets } from "@penstock/testing/databases";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, describe, expect, test } from "vitest";
import { startFetcher } from "./start-fetcher.ts";

const pages = 4;
const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

describe.each(queueTargets())("a fetcher on $name", (target) => {
  type Options = {
    streams: number;
    /** Which request hangs. */
    hangs?: number;
    limits?: Partial<SourceLimits>;
    fetchConcurrency?: number;
  };
  /** An API of streams of four pages, and a fetcher that is stopped by disposing of `fetcher`. */
  async function bench({ streams, hangs, limits, fetchConcurrency }: Options) {
    const stack = new AsyncDisposableStack();
    open.push(stack);
    const queue = stack.adopt(await target.create(), (created) => created.drop());
    const backend = stack.adopt(await openQueueBackend(queue.settings), (opened) => opened.close());
    const queues = createQueues(backend, { sources: ["scripted"] });
    const underWay = { now: 0, most: 0 };
    const held = Promise.withResolvers<void>();
    stack.defer(() => held.resolve());
    const [database] = databaseTargets();
    if (database === undefined) throw new Error("there is no database to test on");
    const { context, api } = await openBench(stack, database, queues, {
      streams,
      source: { concurrency: 4, rateLimit: { max: 1_000, perMs: 1_000 }, ...limits },
      stream: { records: "items", paginator: pageNumber({ isStable: true, totalPages: "pages" }) },
      answer: async (request, query) => {
        underWay.now += 1;
        underWay.most = Math.max(underWay.most, underWay.now);
        await (request === hangs ? held.promise : delay(5));
        underWay.now -= 1;
        return { status: 200, body: JSON.stringify({ pages, items: [{ id: Number(query.get("page")) }] }) };
      },
    });
    const fetcher = stack.use(new AsyncDisposableStack());
    return {
      context,
      requests: api.requests,
      underWay,
      fetcher,
      start: async () => {
        const config = { shutdownGraceMs: 200, fetchConcurrency };
        await startFetcher({ backend, context, locks: {}, config }, fetcher);
        for (let i = 0; i < streams; i++) await startRun(context, { source: "scripted", stream: `s${i}` });
      },
      askedFor: (count: number) => waitUntil(() => api.requests.length >= count, { what: `${count} requests` }),
    };
  }

  test("asks for the next page before this one is handed on only where it is alone with its queue", async () => {
    const { context, requests, start, askedFor } = await bench({ streams: 1 });
    const packed = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    context.reach = async (point) => {
      if (point !== "fetch.packed") return;
      packed.resolve();
      await goOn.promise;
    };
    await start();
    await packed.promise;
    await delay(200);
    expect(requests).toHaveLength(target.name === "embedded" ? 2 : 1);
    goOn.resolve();
    await askedFor(pages);
    await delay(100);
    expect(requests).toHaveLength(pages);
  });

  test("sends no more requests at once than source and configuration allow", async () => {
    const { requests, underWay, start, askedFor } = await bench({ streams: 3, fetchConcurrency: 2 });
    await start();
    await askedFor(3 * pages);
    expect(underWay.most).toBe(2);
    expect(requests).toHaveLength(3 * pages);
  });

  test("stops in its time while a request hangs and others wait for it, and sends no more", async () => {
    const { requests, fetcher, start, askedFor } = await bench({ streams: 2, hangs: 2, limits: { concurrency: 1 } });
    await start();
    await askedFor(2);
    await delay(200);
    const startedAt = performance.now();
    await fetcher.disposeAsync();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    const { length } = requests;
    await delay(200);
    expect(requests).toHaveLength(length);
  });

  test("sends no more requests in the source's time than may be, however many streams there are", async () => {
    const rateLimit = { max: 8, perMs: 600 };
    const { context, requests, start, askedFor } = await bench({ streams: 8, limits: { rateLimit } });
    // When they come to the API says more about how busy this machine is.
    const sentAt: number[] = [];
    context.reach = async (point) => void (point === "fetch.begun" && sentAt.push(performance.now()));
    await start();
    await askedFor(8 * pages);
    const within = sentAt.map((at) => sentAt.filter((other) => other >= at && other < at + rateLimit.perMs - 5).length);
    // A queue counts in windows, of which the end of one and the begin of the next may be full.
    expect(Math.max(...within)).toBeLessThanOrEqual(target.name === "embedded" ? 8 : 16);
    expect(requests).toHaveLength(8 * pages);
  });
});
