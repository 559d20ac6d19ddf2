import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { withoutFailures } from "@penstock/core/failure-points";
import { defineSource, defineStream, type SourceOptions, type StreamOptions } from "@penstock/source/define-source";
import { createPageFetcher } from "@penstock/source/fetch-page";
import { oauth2RefreshToken } from "@penstock/source/oauth2";
import { token } from "@penstock/source/paginators/token";
import { createTokenEndpoint } from "@penstock/source/token-endpoint";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import { createLogger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { createTraces } from "@penstock/telemetry/traces";
import { databaseTargets } from "@penstock/testing/databases";
import { startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { FetchContext } from "./context.ts";
import { fetchPage } from "./fetch.ts";
import { createManualQueues } from "./manual-queues.ts";
import { createPageTransformer } from "./page-transformer.ts";
import { startRun } from "./start-run.ts";
import { transformPage } from "./transform.ts";

/*
 * What the HTTP client and the database do together: large answers in parts, answers that have not changed, tokens shared by
 * many processes.
 */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const job = { jobId: "j", attempt: 1, maxAttempts: 3, stalls: 0, signal: new AbortController().signal };
const schema = z.object({ id: z.string(), text: z.string().optional() });
type Handle = (request: IncomingMessage, response: ServerResponse) => void;

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

function sourceAt(
  baseUrl: string,
  stream: Partial<StreamOptions<typeof schema>> = {},
  options: Partial<SourceOptions> = {},
) {
  const items = defineStream({ path: "/items", records: "items", schema, key: "id", ...stream });
  const configured = defineSource({ name: "shop", baseUrl, ...options, streams: { items } }).configure({});
  if (!configured.isConfigured) throw new Error("not configured");
  return configured.source;
}

describe.each(databaseTargets())("on $name", ({ create }) => {
  async function database() {
    const { url } = stack.adopt(await create(), (created) => created.drop());
    const open = async () => stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    return { open };
  }

  async function bench(handle: Handle, stream: Partial<StreamOptions<typeof schema>>) {
    const requests: IncomingMessage[] = [];
    const server = stack.use(
      await startLoopbackServer((request, response) => {
        requests.push(request);
        handle(request, response);
      }),
    );
    const source = sourceAt(server.url, stream);
    const store = await (await database()).open();
    const queues = createManualQueues();
    const sources = new Map([[source.name, source]]);
    const context: FetchContext = {
      store,
      queues,
      sources,
      transformer: createPageTransformer(sources),
      fetchers: new Map([[source.name, stack.adopt(createPageFetcher(source), (opened) => opened.close())]]),
      logger: createLogger({ app: "test", level: "silent", format: "json" }),
      metrics: createMetrics(),
      traces: createTraces(),
      settings: { backlogHigh: 100 },
      reach: withoutFailures,
      isHeldBack: async () => false,
    };
    const drain = async () => {
      while (queues.jobs.length > 0) {
        if (queues.jobs[0]?.type === "fetch") await fetchPage(context, queues.take("fetch"), job);
        else await transformPage(context, queues.take("transform"));
      }
    };
    const run = async (mode: "incremental" | "full" = "incremental") => {
      const started = await startRun(context, { source: "shop", stream: "items", mode });
      await drain();
      return (await store.readRun(started.run.runId))?.run;
    };
    return { context, store, queues, requests, drain, run };
  }

  const filler = "x".repeat(6_000);
  const largeBody = (from: number, count: number) =>
    JSON.stringify({ items: Array.from({ length: count }, (_, n) => ({ id: `r${from + n}`, text: filler })) });

  test("a large answer becomes the pages of one run, and is fetched once", async () => {
    const at = await bench((_request, response) => response.end(largeBody(0, 1_500)), {});
    const run = await at.run();
    expect(run).toMatchObject({ status: "succeeded", account: { fetched: 1_500, inserted: 1_500 } });
    expect(run?.pages).toBeGreaterThan(7);
    expect(at.requests).toHaveLength(1);
  });

  test("a large answer that comes again is found out wherever it is cut; equal parts of one answer are no circle", async () => {
    const same = JSON.stringify({ id: "same", text: filler });
    const items = Array.from({ length: 1_500 }, () => same).join();
    const at = await bench(
      (_request, response) => {
        const n = at.requests.length;
        response.end(`{"took":"${"x".repeat(50_000 * n)}","items":[${items}],"next":"t${n}"}`);
      },
      { maxPages: 100, paginator: token({ from: { body: "next" }, to: { query: "after" } }) },
    );
    const run = await at.run();
    expect(run).toMatchObject({ status: "incomplete", errorCode: "PAGE_REPEATED", account: { fetched: 3_000 } });
    expect(at.requests).toHaveLength(2);
  });

  test("another large answer to the repeated request does not mix with the first", async () => {
    let answers = 0;
    const at = await bench((_request, response) => response.end(largeBody(1_000 * answers++, 1_500)), {});
    const { run } = await startRun(at.context, { source: "shop", stream: "items" });
    const asked = at.queues.take("fetch");
    await fetchPage(at.context, asked, job);
    const first = at.queues.take("transform");
    at.queues.lose();
    await fetchPage(at.context, asked, job);
    await transformPage(at.context, first);
    await at.drain();
    const stood = await at.store.readRun(run.runId);
    expect(stood?.run).toMatchObject({ status: "running", committedSeq: 0 });
    const again = await startRun(at.context, { source: "shop", stream: "items", takeOver: { runId: run.runId } });
    await at.drain();
    expect((await at.store.readRun(again.run.runId))?.run).toMatchObject({
      status: "succeeded",
      account: { fetched: 1_500 },
    });
  });

  test("a large answer that is lost goes on failing the run, not the process", async () => {
    const at = await bench((_request, response) => response.end(largeBody(0, 1_500)), {});
    const { run } = await startRun(at.context, { source: "shop", stream: "items" });
    const asked = { ...at.queues.take("fetch"), answer: { hash: "gone", seq: 0, part: 3 } };
    await expect(fetchPage(at.context, asked, job)).rejects.toMatchObject({ code: "PAYLOAD_UNREADABLE" });
    expect((await at.store.readRun(run.runId))?.run.status).toBe("running");
  });

  test("an answer that has not changed ends the run with nothing read; one of a run that failed is not relied on", async () => {
    let etag = '"1"';
    let isBroken = false;
    const at = await bench(
      (request, response) => {
        if (request.headers["if-none-match"] === etag) return response.writeHead(304).end();
        if (isBroken && request.url?.includes("page=2") === true) return response.writeHead(404).end();
        const isFirst = request.url?.includes("page=2") !== true;
        response.writeHead(200, { etag }).end(JSON.stringify({ items: [{ id: `${etag}${isFirst}` }], isFirst }));
      },
      {
        conditional: true,
        paginator: {
          kind: "two pages",
          start: () => ({}),
          request: (position) => ("page" in position ? { query: { page: "2" } } : {}),
          next: (position) => ("page" in position ? { kind: "end" } : { kind: "next", position: { page: 2 } }),
        },
      },
    );
    expect(await at.run()).toMatchObject({ status: "succeeded", account: { fetched: 2 } });
    expect(await at.run()).toMatchObject({ status: "succeeded", account: { fetched: 0 } });
    expect(await at.run()).toMatchObject({ status: "succeeded", account: { fetched: 0 } });
    expect(await at.run("full")).toMatchObject({ status: "succeeded", account: { fetched: 2 } });
    etag = '"2"';
    isBroken = true;
    await expect(at.run()).rejects.toMatchObject({ code: "NOT_FOUND" });
    const [failed] = await at.store.liveRuns();
    await at.store.endRun(failed?.runId ?? "", { status: "failed" });
    isBroken = false;
    at.queues.lose();
    expect(await at.run()).toMatchObject({ status: "succeeded", account: { fetched: 2 } });
    expect(at.requests.at(-2)?.headers["if-none-match"]).toBe('"1"');
  });

  test("20 workers on 4 connections share a refresh token that works once", async () => {
    const endpoint = createTokenEndpoint();
    const server = stack.use(await startLoopbackServer(endpoint.handle));
    const auth = oauth2RefreshToken({
      tokenUrl: `${server.url}/token`,
      clientId: "me",
      clientSecret: "client-secret",
      refreshToken: "refresh-secret-0",
    });
    const { open } = await database();
    const stores: Store[] = [];
    for (let i = 0; i < 4; i += 1) stores.push(await open());
    const source = sourceAt(server.url, {}, { auth });
    const fetchers = Array.from({ length: 20 }, (_, i) => {
      const tokens = stores[i % stores.length]?.tokens;
      if (tokens === undefined) throw new Error("no store");
      return stack.adopt(createPageFetcher(source, { tokens }), (opened) => opened.close());
    });
    const [items] = Object.values(source.streams);
    if (items === undefined) throw new Error("no stream");
    const fetchAll = () => Promise.all(fetchers.map((fetcher) => fetcher.fetch(items, {}, { signal: job.signal })));
    await fetchAll();
    expect(endpoint.grants).toHaveLength(1);
    endpoint.revoke();
    await fetchAll();
    expect(endpoint.grants.map(({ form }) => form["refresh_token"])).toEqual(["refresh-secret-0", "refresh-secret-1"]);
  });
});
