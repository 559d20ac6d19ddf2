import { spawn } from "node:child_process";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { createPageFixture, failure } from "./page-fixture.ts";
import type { PageSeen, Paginator } from "./paginator.ts";

const filler = 'é\\n\\"'.repeat(300);
const recordJson = (n: number) => `{"id":"r${n}","text":"${filler}","n":[${n},1.5e3,{"deep":null}]}`;

/** Sends `count` records under `data.items`, with something before and behind them. */
async function sendRecords(response: ServerResponse, count: number, tail = ']},"next":"t2"}'): Promise<void> {
  response.writeHead(200, { "content-type": "application/json" }).write('{"total":7,"data":{"items":[');
  const perPiece = 250;
  for (let from = 0; from < count; from += perPiece) {
    const piece = Array.from({ length: Math.min(perPiece, count - from) }, (_, i) => recordJson(from + i));
    if (!response.write(`${from === 0 ? "" : ","}${piece.join(",")}`)) await once(response, "drain");
  }
  response.end(tail);
}

const recordBytes = Buffer.byteLength(recordJson(0)) + 1;
const recordsIn = (bytes: number) => Math.ceil(bytes / recordBytes);
const signal = new AbortController().signal;

/** Remembers what it was told. */
function watching(): Paginator & { told: PageSeen[] } {
  const told: PageSeen[] = [];
  const next: Paginator["next"] = (_position, page) => {
    told.push(page);
    return { kind: "end" };
  };
  return { kind: "watching", told, start: () => ({}), request: () => ({}), next };
}

test("a large response comes in parts, in order, and paginators see the rest of it", async () => {
  await using fixture = createPageFixture();
  const count = recordsIn(12 * 1024 * 1024);
  const { url } = await fixture.serve((_request, response) => void sendRecords(response, count));
  const paginator = watching();
  const { fetcher, stream } = fixture.open(url, { stream: { records: "data.items", paginator } });
  const sizes: number[] = [];
  const ids: unknown[] = [];
  const onPart = async (items: unknown[]) => {
    sizes.push(items.length);
    for (const item of items) ids.push(item instanceof Object && "id" in item && item.id);
  };
  const page = await fetcher.fetch(stream, {}, { signal, onPart });
  expect(ids).toEqual(Array.from({ length: count }, (_, n) => `r${n}`));
  expect(sizes.length).toBeGreaterThan(10);
  expect(Math.max(...sizes)).toBeLessThan(1_100);
  expect(page.items).toHaveLength(count);
  expect(paginator.told).toMatchObject([{ body: { total: 7, data: { items: [] }, next: "t2" } }]);
  expect(paginator.told[0]?.keys).toEqual(ids);
  expect(paginator.told[0]?.items.at(-1)).toEqual(JSON.parse(recordJson(count - 1)));
});

test("without anybody to take the parts, a large response is one page", async () => {
  await using fixture = createPageFixture();
  const count = recordsIn(9 * 1024 * 1024);
  const { url } = await fixture.serve((_request, response) => void sendRecords(response, count));
  const page = await fixture.fetchFrom(url, { stream: { records: "data.items" } });
  expect(page.items).toHaveLength(count);
  expect(page.items[7]).toEqual(JSON.parse(recordJson(7)));
});

test.each([
  ["cut off within a record", '{"id":"x', "BODY_NOT_JSON"],
  ["never closed", "]", "BODY_NOT_JSON"],
  ["followed by something else", "]}} trailing", "BODY_NOT_JSON"],
  ["with a second array of records", ']},"data":{"items":[{"id":"y"}]}}', "BODY_NOT_JSON"],
])("a large response that is %s", async (_, tail, code) => {
  await using fixture = createPageFixture();
  const count = recordsIn(9 * 1024 * 1024);
  const { url } = await fixture.serve((_request, response) => void sendRecords(response, count, tail));
  const error = await failure(fixture.fetchFrom(url, { stream: { records: "data.items" } }));
  expect(error.code).toBe(code);
  expect(error.message.length).toBeLessThan(300);
});

test("a large response without records where they should be", async () => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => void sendRecords(response, recordsIn(9 * 1024 * 1024)));
  expect(await failure(fixture.fetchFrom(url))).toMatchObject({ code: "SELECTOR_MISSED" });
});

test("a function that selects records is refused a large response", async () => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => void sendRecords(response, recordsIn(9 * 1024 * 1024)));
  const error = await failure(fixture.fetchFrom(url, { stream: { records: (body) => body } }));
  expect(error).toMatchObject({ code: "BODY_TOO_LARGE", remedy: expect.stringContaining("as a path") });
});

// What waits behind the event loop, in time of the clock; and how long one turn of it keeps the thread, in time of the processor,
// which a busy machine makes no longer.
const child = `
  import { defineSource, defineStream } from "@penstock/source/define-source";
  import { createPageFetcher } from "@penstock/source/fetch-page";
  import { monitorEventLoopDelay } from "node:perf_hooks";
  import { z } from "zod";
  const items = defineStream({ path: "/items", records: "data.items", schema: z.object({ id: z.string() }), key: "id" });
  const { source } = defineSource({ name: "shop", baseUrl: process.argv[1], streams: { items } }).configure({});
  const fetcher = createPageFetcher(source);
  let longestMs = 0, isOver = false, before = process.threadCpuUsage();
  const turn = () => {
    const { user, system } = process.threadCpuUsage(before);
    longestMs = Math.max(longestMs, (user + system) / 1e3);
    before = process.threadCpuUsage();
    if (!isOver) setImmediate(turn);
  };
  turn();
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  let records = 0, parts = 0;
  const onPart = async (part) => { records += part.length; parts += 1; };
  const page = await fetcher.fetch(source.streams.items, {}, { signal: new AbortController().signal, onPart });
  isOver = true;
  delays.disable();
  const [delayMs, longestDelayMs] = [delays.percentile(90) / 1e6, delays.max / 1e6];
  await fetcher.close();
  console.log(JSON.stringify({ records, parts, sizeBytes: page.sizeBytes, longestMs, delayMs, longestDelayMs, samples: delays.count }));
`;

test("300 MB under a heap of 512 MB, and nothing else waits for longer than 100 ms", { timeout: 120_000 }, async () => {
  await using fixture = createPageFixture();
  const count = recordsIn(300_000_000);
  const { url } = await fixture.serve((_request, response) => void sendRecords(response, count));
  const reader = spawn(process.execPath, ["--max-old-space-size=512", "--input-type=module", "--eval", child, url], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = JSON.parse(await text(reader.stdout));
  expect(said).toMatchObject({ records: count });
  expect(said.sizeBytes).toBeGreaterThan(300_000_000);
  expect(said.parts).toBeGreaterThan(250);
  expect(said.longestMs).toBeLessThan(100);
  // Of the clock nine in ten: other processes have the processor meanwhile, of which a test machine may be full.
  expect(said.samples).toBeGreaterThan(50);
  expect(said.delayMs, `the longest: ${said.longestDelayMs}`).toBeLessThan(100);
});
