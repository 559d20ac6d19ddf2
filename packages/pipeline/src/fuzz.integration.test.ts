import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { withoutFailures } from "@penstock/core/failure-points";
import { canonicalJson, isJsonObject, type JsonValue } from "@penstock/core/json";
import type { JobContext } from "@penstock/queues/queues";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { createPageFetcher } from "@penstock/source/fetch-page";
import type { Source } from "@penstock/source/model";
import { openStore } from "@penstock/store/open-store";
import { createLogger } from "@penstock/telemetry/logger";
import { createMetrics } from "@penstock/telemetry/metrics";
import { createTraces } from "@penstock/telemetry/traces";
import { databaseTargets } from "@penstock/testing/databases";
import { startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { FetchContext } from "./context.ts";
import { fetchHandler, transformHandler } from "./handlers.ts";
import { createManualQueues } from "./manual-queues.ts";
import { createPageTransformer } from "./page-transformer.ts";
import { startRun } from "./start-run.ts";

/*
 * Hostile records and pages through the real request, transform and commit: each ends as a row or in a letter, and what a row holds
 * is what was sent. `FUZZ_RECORDS` is how many per database (100,000 in the long form), `FUZZ_SEED` makes others.
 */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const total = Number(process.env["FUZZ_RECORDS"] ?? 3_000);
const seed = Number(process.env["FUZZ_SEED"] ?? 1);
const perPage = 100;
const job: JobContext = { jobId: "j", attempt: 1, maxAttempts: 1, stalls: 0, signal: new AbortController().signal };

type Random = (below: number) => number;

/** Mulberry32, by Tommy Ettinger, public domain. */
function createRandom(start: number): Random {
  let a = start;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

const nested = (depth: number, open: string, close: string) => `${open.repeat(depth)}1${close.repeat(depth)}`;

/** Values as JSON text, since some of them no JavaScript value could be written as. */
const hostileValues: ((random: Random) => string)[] = [
  () => "null",
  () => "1e400",
  () => "-1e400",
  () => "1e-400",
  () => "-0",
  () => "9007199254740993",
  () => "123456789012345678901234567890",
  () => "0.1",
  () => '"\\u0000"',
  () => '"nul \\u0000 inside"',
  () => '"\\ud800"',
  () => '"\\udc00\\ud800"',
  () => '"\\ud83d\\ude00 😀 \u202e \ufeff"',
  () => '"\'); DROP TABLE records; --"',
  () => '"-271821-04-20T00:00:00Z"',
  () => '"+275760-09-13T00:00:00.001Z"',
  () => '"0000-00-00T00:00:00Z"',
  (random) => JSON.stringify("x".repeat(random(20_000))),
  (random) => JSON.stringify('é\\"\n\t\u2028'.repeat(random(500))),
  (random) => nested(random(300), "[", "]"),
  (random) => nested(random(300), '{"a":', "}"),
  () => nested(3_000, "[", "]"),
  () => '{"__proto__":{"polluted":true}}',
  () => '{"constructor":{"prototype":{"polluted":true}}}',
  () => '{"toString":1,"valueOf":2,"hasOwnProperty":3,"then":4}',
  () => '{"a":1,"a":2,"":3," ":4,"\\u0000":5,"\\ud800":6,"$.x":7,"\'":8}',
  () => '{"z":1,"10":2,"9":3,"length":-1}',
  (random) => `[${Array.from({ length: random(500) }, (_, i) => i).join()}]`,
  () => "true",
  () => '"true"',
];
const hostileKeys: ((n: number) => string)[] = [
  (n) => `"k${n}"`,
  (n) => `"k${n}"`,
  (n) => `"k${n}"`,
  (n) => `${n}`,
  (n) => `"\\u0000${n}"`,
  (n) => `"\\ud800${n}"`,
  (n) => `"${"k".repeat(1_500)}${n}"`,
  () => '"__proto__"',
  () => '"constructor"',
  () => '""',
  () => "null",
  () => "9007199254740993",
  () => "1e400",
  () => "{}",
  () => '" "',
  (n) => `"\u202e😀${n}"`,
];

const instant = (n: number) => new Date(Date.UTC(2020, 0, 1) + n * 1_000).toISOString();
const hostileInstants: ((n: number) => string)[] = [
  (n) => `"${instant(n)}"`,
  (n) => `"${instant(n)}"`,
  (n) => `"${instant(n).replace("Z", "+14:00")}"`,
  (n) => `"${instant(n).replace(".000Z", ".123456789Z")}"`,
  () => '"9999-12-31T23:59:59.999Z"',
  () => '"0001-01-01T00:00:00Z"',
  () => '"+275760-09-13T00:00:00.001Z"',
  () => '"-271821-04-20T00:00:00Z"',
  () => '"2026-02-30T00:00:00Z"',
  () => '"2026-01-01"',
  () => '"\\u0000"',
  () => '"\\ud800"',
  (n) => `${n}`,
  () => "1e400",
  () => "null",
  () => "{}",
];
const hostileRevisions: ((n: number) => string)[] = [
  (n) => `${n}`,
  (n) => `-${n}.5`,
  () => "9007199254740993",
  () => "1e308",
  () => "1e400",
  () => "-0",
  () => "5e-324",
  () => '"7"',
  () => "null",
];

const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)] as T;

function hostileRecord(random: Random, n: number): string {
  if (random(40) === 0) return pick(random, hostileValues)(random);
  const fields = [
    `"id":${pick(random, hostileKeys)(n)}`,
    `"any":${pick(random, hostileValues)(random)}`,
    ...(random(4) === 0 ? [`"__proto__":${pick(random, hostileValues)(random)}`] : []),
    ...(random(8) === 0 ? [`"id":${pick(random, hostileKeys)(n)}`] : []),
    ...(random(3) === 0 ? [`"number":${pick(random, ["1e400", "-0", "1.5", '"1"', "9007199254740993", "null"])}`] : []),
    ...(random(3) === 0 ? [`"text":${pick(random, hostileValues)(random)}`] : []),
    ...(random(10) > 0 ? [`"at":${pick(random, hostileInstants)(n)}`] : []),
    ...(random(10) > 0 ? [`"revision":${pick(random, hostileRevisions)(n)}`] : []),
  ];
  return `{${fields.join()}}`;
}

type Body = { bytes: Buffer; isPage: boolean; records: number };

/** Most are pages of hostile records; a few are no pages at all. */
function hostileBody(random: Random, page: number): Body {
  const records = Array.from({ length: perPage }, (_, i) => hostileRecord(random, page * perPage + i));
  const text = `{"items":[${records.join()}]}`;
  const broken = (bytes: Buffer): Body => ({ bytes, isPage: false, records: 0 });
  const whole = Buffer.from(text);
  const kind = random(12);
  if (kind === 0)
    return broken(Buffer.concat([whole.subarray(0, 20), Buffer.from([0xff, 0xfe, 0xc0]), whole.subarray(20)]));
  if (kind === 1) return broken(whole.subarray(0, whole.length - 3));
  if (kind === 2) return broken(Buffer.from(`{"items":${nested(random(20_000) + 1_000, '{"a":', "")}`));
  if (kind === 3) return broken(Buffer.from("\0\0\0"));
  return { bytes: whole, isPage: true, records: perPage };
}

const common = {
  records: "items",
  schema: z.looseObject({
    id: z.union([z.string(), z.number()]),
    any: z.unknown(),
    number: z.number().nullish(),
    text: z.string().nullish(),
    at: z.string().optional(),
    revision: z.number().optional(),
  }),
  key: "id",
  deadLetterBudget: "100%",
} as const;
const streams = ["things", "versions"] as const;

function sourceAt(url: string): Source {
  const definition = defineSource({
    name: "fuzz",
    baseUrl: url,
    streams: {
      things: defineStream({ path: "/things", ...common }),
      versions: defineStream({
        path: "/versions",
        ...common,
        cursor: { field: "at" },
        eventTime: "at",
        version: { field: "revision", kind: "number" },
        deletions: "100%",
        keepRaw: "1h",
        indexEventTime: true,
      }),
    },
  });
  const configured = definition.configure({});
  if (!configured.isConfigured) throw new Error(configured.problems.join());
  return configured.source;
}

/** What a row should hold of a record: what JSON says of it, with a fixed order of fields. */
function readBack(bytes: Buffer): Set<string> {
  const { items }: { items: JsonValue[] } = JSON.parse(bytes.toString("utf8"));
  return new Set(items.map(withoutProto).flatMap((item) => textOf(item)));
}

/** Zod's objects leave out a field of that name. */
function withoutProto(item: JsonValue): JsonValue {
  if (!isJsonObject(item)) return item;
  return Object.fromEntries(Object.entries(item).filter(([field]) => field !== "__proto__"));
}

function textOf(item: JsonValue): string[] {
  try {
    return [canonicalJson(item)];
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return [];
    throw error;
  }
}

describe.each(databaseTargets())("on $name", ({ create }) => {
  test(
    `each of ${total} hostile records ends stored as it was sent or in a letter`,
    async () => {
      await using stack = new AsyncDisposableStack();
      const random = createRandom(seed);
      let body: Body = { bytes: Buffer.alloc(0), isPage: false, records: 0 };
      const server = stack.use(
        await startLoopbackServer((_request, response) => {
          response.writeHead(200, { "content-type": "application/json" }).end(body.bytes);
        }),
      );
      const database = stack.adopt(await create(), (created) => created.drop());
      const store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
      const source = sourceAt(server.url);
      const sources = new Map([[source.name, source]]);
      const queues = createManualQueues();
      const context: FetchContext = {
        store,
        queues,
        sources,
        transformer: createPageTransformer(sources),
        fetchers: new Map([[source.name, stack.adopt(createPageFetcher(source), (fetcher) => fetcher.close())]]),
        logger: createLogger({ app: "fuzz", level: "silent", format: "json" }),
        metrics: createMetrics(),
        traces: createTraces(),
        settings: { backlogHigh: 100 },
        isHeldBack: async () => false,
        reach: withoutFailures,
      };
      const handlers = { fetch: fetchHandler(context), transform: transformHandler(context) };
      const fetched = async () => {
        const payload = queues.take("fetch");
        await handlers.fetch.handle(payload, job).catch((error: unknown) => handlers.fetch.settle(payload, error, job));
      };
      const transformed = async () => {
        const payload = queues.take("transform");
        await handlers.transform
          .handle(payload, job)
          .catch((error: unknown) => handlers.transform.settle(payload, error, job));
      };

      const heapBefore = liveHeap();
      let sent = 0;
      let unreadable = 0;
      for (let page = 0; sent < total; page++) {
        body = hostileBody(random, page);
        const stream = streams[page % streams.length] ?? "things";
        const mode = random(3) === 0 ? "full" : "incremental";
        const { run } = await startRun(context, { source: source.name, stream, mode });
        await fetched();
        while (queues.jobs.length > 0) await transformed();
        await store.settleDeletions();
        const ended = (await store.readRun(run.runId))?.run;
        if (body.isPage) {
          sent += body.records;
          expect(ended, `seed ${seed}, page ${page}`).toMatchObject({
            status: "succeeded",
            account: { fetched: body.records },
          });
          const rows = await store.queryView(`SELECT data FROM records WHERE run_id = '${run.runId}'`);
          const known = readBack(body.bytes);
          for (const { data } of rows)
            expect(known, `seed ${seed}, page ${page}`).toContain(canonicalJson(parsed(data)));
        } else {
          unreadable += 1;
          expect(ended, `seed ${seed}, page ${page}`).toMatchObject({ status: "failed" });
        }
      }
      expect(liveHeap() - heapBefore).toBeLessThan(100 * 1024 * 1024);
      expect(unreadable).toBeGreaterThan(0);
      expect(Reflect.get({}, "polluted")).toBeUndefined();
      const letters = await store.listLetters({ limit: 1_000_000 });
      for (const { payload } of letters) expect(() => JSON.parse(payload)).not.toThrow();
      const requests = letters.filter(({ kind }) => kind === "request");
      expect(requests.length).toBeGreaterThan(0);
      expect(letters.some(({ code }) => code === "UNEXPECTED")).toBe(false);
    },
    60_000 + total * 20,
  );
});

/** In bytes, without what is garbage. */
function liveHeap(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

/** Raw queries give JSON as text on SQLite, and as a value on Postgres. */
function parsed(data: unknown): unknown {
  return typeof data === "string" ? JSON.parse(data) : data;
}
