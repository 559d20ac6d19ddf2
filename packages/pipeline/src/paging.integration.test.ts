import { join } from "node:path";
import { withoutFailures } from "@penstock/core/failure-points";
import type { JobContext } from "@penstock/queues/queues";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { createPageFetcher } from "@penstock/source/fetch-page";
import type { Stream } from "@penstock/source/model";
import { keyset } from "@penstock/source/paginators/keyset";
import { linkHeader } from "@penstock/source/paginators/links";
import { offset } from "@penstock/source/paginators/offset";
import { pageNumber } from "@penstock/source/paginators/page-number";
import { token } from "@penstock/source/paginators/token";
import { openStore } from "@penstock/store/open-store";
import { createLogger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { createTraces } from "@penstock/telemetry/traces";
import { databaseTargets } from "@penstock/testing/databases";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import type { FetchContext } from "./context.ts";
import { fetchPage } from "./fetch.ts";
import { createManualQueues } from "./manual-queues.ts";
import { createPageTransformer } from "./page-transformer.ts";
import { startRun } from "./start-run.ts";
import { transformPage } from "./transform.ts";

/*
 * Collections whose paging goes wrong, or is interrupted, through the whole pipeline: what the database then holds. What it
 * does is the same on every database, so one is enough.
 */

type Answer = { items: unknown[]; headers?: Record<string, string>; [field: string]: unknown };
type Api = (query: URLSearchParams) => Answer;
type StreamOptions = Partial<Pick<Stream, "paginator" | "order" | "maxEmptyPages" | "maxPages">>;

const named = { source: "api", stream: "items" };
const job: JobContext = { jobId: "j", attempt: 1, maxAttempts: 3, stalls: 0, signal: new AbortController().signal };
const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

async function bench(api: Api, options: StreamOptions) {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  const [target] = databaseTargets();
  if (target === undefined) throw new Error("there is no database to test on");
  const database = stack.adopt(await target.create(), (created) => created.drop());
  let requests = 0;
  const server = stack.use(
    await startLoopbackServer((request, response) => {
      requests += 1;
      const { headers, ...body } = api(new URL(request.url ?? "/", "http://loopback").searchParams);
      sendJson(response, 200, JSON.stringify(body), headers);
    }),
  );
  const schema = z.object({ id: z.string(), at: z.string() });
  const items = defineStream({
    path: "/items",
    records: "items",
    schema,
    key: "id",
    cursor: { field: "at" },
    ...options,
  });
  const configured = defineSource({ name: "api", baseUrl: server.url, streams: { items } }).configure({});
  if (!configured.isConfigured) throw new Error(configured.problems.join("; "));
  const { source } = configured;
  const migrationsRoot = join(import.meta.dirname, "../../../prisma");
  const store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
  const fetcher = stack.adopt(createPageFetcher(source), (created) => created.close());
  const queues = createManualQueues();
  const sources = new Map([["api", source]]);
  const context: FetchContext = {
    store,
    queues,
    sources,
    transformer: createPageTransformer(sources),
    fetchers: new Map([["api", fetcher]]),
    logger: createLogger({ app: "test", level: "silent", format: "json" }),
    metrics: createMetrics(),
    traces: createTraces(),
    settings: { backlogHigh: 100 },
    reach: withoutFailures,
    isHeldBack: async () => false,
  };
  const step = async () => {
    if (queues.jobs[0]?.type === "fetch") await fetchPage(context, queues.take("fetch"), job);
    else await transformPage(context, queues.take("transform"));
  };
  return {
    step,
    queues,
    store,
    requests: () => requests,
    start: async () => await startRun(context, { ...named, takeOver: "any" }),
    /** Starts a run, follows it to its end and says how it ended. */
    run: async () => {
      const { run } = await startRun(context, { ...named, takeOver: "any" });
      while (queues.jobs.length > 0) await step();
      return (await store.readRun(run.runId))?.run;
    },
    stored: async () => {
      const rows = await store.queryView("SELECT data FROM records");
      return rows.map(({ data }) => schema.parse(typeof data === "string" ? JSON.parse(data) : data));
    },
    keys: async () => (await store.queryView("SELECT key FROM records")).map((row) => String(row["key"])),
    bound: async () => (await store.checkpoint(named.source, named.stream, "live"))?.bound ?? null,
  };
}

const second = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString();
const record = (n: number) => ({ id: `r${n}`, at: second(n) });
const byToken = token({ from: { body: "next" }, to: { query: "after" }, hasMore: "has_more" });

test("a token that names its own page ends the run at the second request, with the records of both pages", async () => {
  const at = await bench((query) => ({ items: [record(query.has("after") ? 2 : 1)], next: "same" }), {
    paginator: byToken,
  });
  expect(await at.run()).toMatchObject({
    status: "incomplete",
    errorCode: "POSITION_REPEATED",
    errorMessage: expect.stringContaining("where the paginator puts the token"),
  });
  expect(at.requests()).toBe(2);
  expect(new Set(await at.keys())).toEqual(new Set(["r1", "r2"]));
  expect(await at.bound()).toBeNull();
});

test("tokens that lead round in a circle are found out", async () => {
  const next: { [token: string]: string } = { a: "b", b: "c", c: "d", d: "b" };
  let n = 0;
  const at = await bench((query) => ({ items: [record(n++)], next: next[query.get("after") ?? ""] ?? "a" }), {
    paginator: byToken,
  });
  expect(await at.run()).toMatchObject({ status: "incomplete", errorCode: "POSITION_REPEATED" });
  expect(at.requests()).toBeLessThan(12);
});

test("an API that ignores the page number ends the run at the second request", async () => {
  const at = await bench(() => ({ items: [record(1)], has_more: true }), {
    paginator: pageNumber({ hasMore: "has_more", isStable: true }),
  });
  expect(await at.run()).toMatchObject({ status: "incomplete", errorCode: "PAGE_REPEATED" });
  expect(at.requests()).toBe(2);
});

test("has_more for ever, with nothing on the pages, comes to an end; what was there is kept", async () => {
  const items = [record(1)];
  const at = await bench(() => ({ items: items.splice(0), has_more: true }), {
    paginator: pageNumber({ hasMore: "has_more", isStable: true }),
    maxEmptyPages: 5,
  });
  expect(await at.run()).toMatchObject({ status: "incomplete", errorCode: "NO_PROGRESS" });
  expect(at.requests()).toBe(7);
  expect(await at.keys()).toEqual(["r1"]);
});

test("has_more for ever, with the last page over and over, as Stripe pages", async () => {
  const all = Array.from({ length: 9 }, (_, n) => record(n));
  const at = await bench(
    (query) => {
      const from = all.findIndex(({ id }) => id === query.get("after")) + 1;
      return { items: all.slice(Math.min(from, 6), Math.min(from, 6) + 3), has_more: true };
    },
    { paginator: token({ from: { lastRecord: "id" }, to: { query: "after" }, hasMore: "has_more" }) },
  );
  expect(await at.run()).toMatchObject({ status: "incomplete", errorCode: "POSITION_REPEATED" });
  expect(at.requests()).toBe(4);
  expect(new Set(await at.keys()).size).toBe(9);
});

test("has_more for ever, with new records on every page, comes to an end at maxPages", async () => {
  let n = 0;
  const at = await bench(() => ({ items: [record(n++)], has_more: true }), {
    paginator: pageNumber({ hasMore: "has_more", isStable: true }),
    maxPages: 4,
  });
  expect(await at.run()).toMatchObject({ status: "incomplete", errorCode: "PAGE_LIMIT" });
  expect(at.requests()).toBe(4);
  expect((await at.keys()).length).toBe(4);
});

test("an empty page that names a next page goes on", async () => {
  const at = await bench(
    (query) =>
      query.has("page") ? { items: [record(1)] } : { items: [], headers: { link: '</items?page=2>; rel="next"' } },
    { paginator: linkHeader() },
  );
  expect(await at.run()).toMatchObject({ status: "succeeded" });
  expect(await at.keys()).toEqual(["r1"]);
});

test("null in the array is a dead letter, its neighbours land", async () => {
  const at = await bench(() => ({ items: [record(1), null, record(2)] }), { paginator: byToken });
  expect(await at.run()).toMatchObject({ account: { fetched: 3, inserted: 2, deadLettered: 1 } });
});

test("newest first: a run that is interrupted half-way moves no bound, and the next one loses nothing", async () => {
  const all = Array.from({ length: 10 }, (_, n) => record(n));
  const at = await bench(
    (query) => {
      const from = Number(query.get("after") ?? 0);
      return {
        items: all.toReversed().slice(from, from + 4),
        ...(from + 4 < all.length && { next: String(from + 4) }),
      };
    },
    { paginator: byToken, order: "desc" },
  );
  await at.run();
  expect(await at.bound()).toBe(second(9));
  for (let n = 10; n < 40; n++) all.push(record(n));
  await at.start();
  for (let i = 0; i < 4; i++) await at.step();
  at.queues.lose();
  expect(await at.bound()).toBe(second(9));
  expect((await at.keys()).length).toBeLessThan(40);
  const before = at.requests();
  expect(await at.run()).toMatchObject({ status: "succeeded" });
  expect(new Set(await at.keys())).toEqual(new Set(all.map(({ id }) => id)));
  expect(await at.bound()).toBe(second(39));
  expect(at.requests() - before).toBe(9);
});

test.each(["inclusive", "exclusive"])(
  "500 records of one time, a crash between their pages, since %s",
  async (since) => {
    const all = Array.from({ length: 700 }, (_, n) => ({
      id: `r${n}`,
      at: second(Math.min(n, 100) + Math.max(n - 600, 0)),
    }));
    const at = await bench(
      (query) => {
        const from = query.get("since");
        const later = all.filter((one) => from === null || one.at > from || (since === "inclusive" && one.at === from));
        return { items: later.slice(0, Number(query.get("limit"))) };
      },
      { paginator: keyset({ pageSize: 80 }), order: "asc" },
    );
    await at.start();
    for (let i = 0; i < 5; i++) await at.step();
    expect(await at.bound()).not.toBeNull();
    at.queues.lose();
    expect(await at.run()).toMatchObject({ status: "succeeded" });
    expect(new Set(await at.keys()).size).toBe(700);
  },
);

type Item = ReturnType<typeof record>;
const byTime = (a: Item, b: Item) => (a.at < b.at ? -1 : 1);
const later = (all: Item[], since: string | null) => all.filter(({ at }) => since === null || at > since);
const span = (items: Item[], from: number, limit: number) => ({
  items: items.slice(from, from + limit),
  total: items.length,
});

/** An API of each shape, and how it is read. */
const shapes: { [shape: string]: { options: StreamOptions; answer: (all: Item[], query: URLSearchParams) => Answer } } =
  {
    "a time and a limit": {
      options: { paginator: keyset({ pageSize: 7 }), order: "asc" },
      answer: (all, query) => span(later(all, query.get("since")).sort(byTime), 0, Number(query.get("limit"))),
    },
    "offset and limit": {
      options: { paginator: offset({ pageSize: 7, since: "since", total: "total" }) },
      answer: (all, query) =>
        span(later(all, query.get("since")), Number(query.get("offset")), Number(query.get("limit"))),
    },
    "page numbers": {
      options: { paginator: pageNumber({ since: "since" }) },
      answer: (all, query) => span(later(all, query.get("since")), 7 * (Number(query.get("page")) - 1), 7),
    },
    "a token, newest first": {
      options: { paginator: byToken, order: "desc" },
      answer: (all, query) => {
        const before = query.get("after");
        const place = ({ at, id }: Item) => `${at} ${id}`;
        const rest = all.filter((one) => before === null || place(one) < before);
        const items = rest.sort((a, b) => (place(a) < place(b) ? 1 : -1)).slice(0, 7);
        return { items, ...(rest.length > 7 && { next: items.map(place).at(-1) }) };
      },
    },
  };

test.each(Object.entries(shapes))(
  "records changed and inserted while it is paged: none is missing or old after the next run, with %s",
  async (_, { options, answer }) => {
    const all = Array.from({ length: 40 }, (_item, n) => record(n));
    let clock = 1_000;
    const at = await bench((query) => {
      clock += 1;
      if (clock <= 1_006) {
        const changed = all[(clock * 11) % all.length];
        if (changed !== undefined) changed.at = second(clock);
        all.splice((clock * 7) % all.length, 0, record(clock));
      }
      return { ...answer([...all], query), headers: { date: new Date(second(clock)).toUTCString() } };
    }, options);
    await at.run();
    expect(at.requests()).toBeGreaterThan(5);
    expect(await at.run()).toMatchObject({ status: "succeeded" });
    expect((await at.stored()).sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
      all.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    );
  },
);
