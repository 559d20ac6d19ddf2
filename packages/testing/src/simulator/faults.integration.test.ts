import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import type { Fault } from "./faults.ts";
import { rawRequest } from "./raw-request.ts";
import { startSilentServer } from "./silent-server.ts";
import { createSimulator, type Simulator, type SimulatorOptions } from "./simulator.ts";
import { nextUrls, walk } from "./walk.ts";

let api: Simulator | undefined;
afterEach(() => api?.close());

async function start(options: Partial<SimulatorOptions>): Promise<Simulator> {
  api = await createSimulator({ streams: { data: { records: 40, paging: { kind: "next-link" } } }, ...options });
  return api;
}

/** The first request gets the fault, the second none. */
async function rawWith(fault: Fault, patienceMs?: number) {
  const { url, requests } = await start({ faults: [{ fault, requests: [0] }] });
  const answer = await rawRequest(`${url}/data`, patienceMs);
  const [head = "", body = ""] = answer.text.split("\r\n\r\n");
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
  const next = await fetch(`${url}/data`);
  expect([next.status, requests[0]?.fault, requests[1]?.fault]).toEqual([200, fault.kind, undefined]);
  expect(await next.json()).toMatchObject({ items: { length: 40 } });
  return { ...answer, head, body, length, recorded: requests[0] };
}

test("status: with its headers and body", async () => {
  const headers = { "retry-after": "7" };
  const { head, body } = await rawWith({ kind: "status", status: 429, headers, body: "slow down" });
  expect(head).toMatch(/^HTTP\/1.1 429 /);
  expect(head).toMatch(/retry-after: 7/i);
  expect(body).toBe("slow down");
});

test("hang: the connection is there, and nothing comes", async () => {
  const { pieces, end, recorded } = await rawWith({ kind: "hang" }, 100);
  expect({ pieces, end }).toEqual({ pieces: [], end: "still open" });
  expect(recorded).toMatchObject({ status: 0, outcome: "closed" });
});

test("reset: not closed in order, but reset", async () => {
  const { pieces, end, recorded } = await rawWith({ kind: "reset" });
  expect({ pieces, end, status: recorded?.status }).toEqual({ pieces: [], end: "ECONNRESET", status: 0 });
});

test("late headers: nothing before their time, then all", async () => {
  const { pieces, body, length } = await rawWith({ kind: "late-headers", ms: 80 });
  expect(pieces[0]?.atMs).toBeGreaterThanOrEqual(79);
  expect(body).toHaveLength(length);
});

test("slow drip: many pieces over the time it takes", async () => {
  const { pieces, body, length } = await rawWith({ kind: "slow-drip", bytes: 300, everyMs: 5 });
  const drops = Math.ceil(length / 300);
  expect(body).toHaveLength(length);
  expect(pieces.length).toBeGreaterThan(2);
  expect((pieces.at(-1)?.atMs ?? 0) - (pieces[0]?.atMs ?? 0)).toBeGreaterThanOrEqual((drops - 2) * 4);
});

test("truncated: less than was promised", async () => {
  const { body, length, recorded, end } = await rawWith({ kind: "truncated" });
  expect(body).toHaveLength(Math.floor(length / 2));
  expect({ end, outcome: recorded?.outcome }).toEqual({ end: "closed", outcome: "closed" });
});

test("malformed: as much as was promised, and no JSON", async () => {
  const { body, length, recorded } = await rawWith({ kind: "malformed" });
  expect(body).toHaveLength(length);
  expect(body).toMatch(/^\{"items":\[\{/);
  expect(() => JSON.parse(body)).toThrow(SyntaxError);
  expect(recorded?.outcome).toBe("finished");
});

test("wrong type: HTML with status 200", async () => {
  const { head, body } = await rawWith({ kind: "wrong-type" });
  expect(head).toMatch(/^HTTP\/1.1 200 [\s\S]*content-type: text\/html/i);
  expect(body).toContain("<title>");
});

test.each([
  ["the same place", undefined, /location: http:\/\/127\.0\.0\.1:\d+\/data\?redirected=1/i],
  ["a private address", "http://169.254.169.254/latest/meta-data", /location: http:\/\/169\.254\.169\.254\/latest/i],
  ["another origin", "https://elsewhere.example/data", /location: https:\/\/elsewhere\.example\/data/i],
])("redirect to %s", async (_, to, location) => {
  const { head } = await rawWith({ kind: "redirect", status: 307, ...(to !== undefined && { to }) });
  expect(head).toMatch(/^HTTP\/1.1 307 /);
  expect(head).toMatch(location);
});

test("a redirect to the same place ends there, though every request is redirected", async () => {
  const { url, requests } = await start({ faults: [{ fault: { kind: "redirect" } }] });
  expect((await fetch(`${url}/data`)).status).toBe(200);
  expect(requests.map(({ status }) => status)).toEqual([302, 200]);
});

test("empty: no records, and the way on; duplicates, order, drift and null stand in the page", async () => {
  const kinds = ["empty", "duplicates", "shuffled", "schema-drift", "null-record"] as const;
  const faults = kinds.map((kind, i) => ({ fault: { kind }, requests: [i] }));
  const { url, reference } = await start({ faults });
  const pages = [];
  for (const _ of kinds) {
    const response = await fetch(`${url}/data?limit=10`);
    const { items }: { items: Record<string, unknown>[] } = JSON.parse(await response.text());
    pages.push({ items, link: response.headers.get("link") });
  }
  const first = reference("data").slice(0, 10);
  const [empty, twice, shuffled, drifted, withNull] = pages.map(({ items }) => items);
  expect(new Set(pages.map(({ link }) => link)).size).toBe(1);
  expect(empty).toEqual([]);
  expect(twice).toEqual(first.flatMap((record) => [record, record]));
  expect(shuffled).not.toEqual(first);
  expect(shuffled?.toSorted((a, b) => (String(a["id"]) < String(b["id"]) ? -1 : 1))).toEqual(first);
  expect(drifted?.[0]).toEqual({ ...first[0], value: expect.stringContaining("units"), added_field: true });
  expect(withNull).toEqual([null, ...first]);
});

test("late records come with a time that was passed already", async () => {
  const late = { id: "late", ts: "2026-01-01T00:00:00.100Z", value: 1 };
  const changes = [{ beforeRequest: 2, change: ({ data }: Simulator["streams"]) => data?.put(late) }];
  const { url, reference } = await start({ changes });
  const seen = await walk(`${url}/data?limit=10`, nextUrls["next-link"]);
  expect(seen.map(({ id }) => id)).not.toContain("late");
  expect(reference("data")).toContainEqual(late);
});

test("rules: by number, path and predicate, and so many times", async () => {
  const { url, requests } = await start({
    faults: [
      { fault: { kind: "status", status: 500 }, path: "/data", times: 1 },
      { fault: { kind: "status", status: 501 }, requests: [2] },
      { fault: { kind: "status", status: 502 }, matches: ({ query }) => query["q"] === "1" },
    ],
  });
  for (const path of ["/none", "/data", "/data", "/data?q=1", "/data"]) await fetch(`${url}${path}`);
  expect(requests.map(({ status }) => status)).toEqual([404, 500, 501, 502, 200]);
});

test("the same seed gives the same faults, another seed others, at about the rate asked for", async () => {
  const faultsOf = async (seed: number) => {
    const { url, requests, close } = await start({ randomFaults: { seed, rates: { status: 0.2, empty: 0.1 } } });
    for (let i = 0; i < 100; i += 1) await (await fetch(`${url}/data?limit=1`)).arrayBuffer();
    await close();
    return requests.map(({ fault, status }) => `${fault} ${status}`);
  };
  const first = await faultsOf(1);
  expect(await faultsOf(1)).toEqual(first);
  expect(await faultsOf(2)).not.toEqual(first);
  const failed = first.filter((fault) => fault.startsWith("status")).length;
  expect(failed).toBeGreaterThan(10);
  expect(failed).toBeLessThan(30);
  expect(first.filter((fault) => fault.startsWith("empty")).length).toBeGreaterThan(4);
});

test.each([
  ["gzip", gunzipSync],
  ["zstd", zstdDecompressSync],
] as const)("%s for who takes it", async (encoding, decode) => {
  const { url, reference } = await start({ encoding });
  const response = await answerTo(`${url}/data`, { "accept-encoding": `br;q=0.5, ${encoding}` });
  expect(response.headers["content-encoding"]).toBe(encoding);
  const body = await buffer(response);
  expect(JSON.parse(decode(body).toString())).toEqual({ items: reference("data") });
  const plain = await answerTo(`${url}/data`, {});
  expect(plain.headers["content-encoding"]).toBeUndefined();
  plain.resume();
  await once(plain, "end");
});

test("an entity tag, and 304 until something changes", async () => {
  const { url, streams } = await start({ hasEtags: true });
  const etag = (await fetch(`${url}/data`)).headers.get("etag") ?? "";
  const again = () => fetch(`${url}/data`, { headers: { "if-none-match": etag } });
  expect((await again()).status).toBe(304);
  streams["data"]?.insert(1);
  expect((await again()).status).toBe(200);
});

test("connect: never answered", async () => {
  await using silent = await startSilentServer();
  const asked = fetch(silent.httpsUrl, { signal: AbortSignal.timeout(100) });
  await expect(asked).rejects.toMatchObject({ name: "TimeoutError" });
  expect(await rawRequest(silent.url, 50)).toMatchObject({ pieces: [], end: "still open" });
});

const megabyte = 1024 * 1024;

test("huge: 300 MB are sent without being held", async () => {
  const { url } = await start({ faults: [{ fault: { kind: "huge", bytes: 300 * megabyte } }] });
  const before = process.memoryUsage.rss();
  const response = await answerTo(`${url}/data`, {});
  let received = 0;
  let pieces = 0;
  let most = before;
  let end = "";
  for await (const piece of response) {
    const bytes: Buffer = piece;
    received += bytes.byteLength;
    end = bytes.toString("latin1", bytes.byteLength - 2);
    pieces += 1;
    if (pieces % 100 === 0) most = Math.max(most, process.memoryUsage.rss());
  }
  expect(received).toBeGreaterThan(300 * megabyte);
  expect({ end, isMeasured: pieces > 1_000 }).toEqual({ end: "]}", isMeasured: true });
  // All of it held would be more than 300 MB; what is read here waits for the collector too.
  expect(most - before).toBeLessThan(250 * megabyte);
});

test("huge: it is one JSON text", async () => {
  const { url, reference } = await start({ faults: [{ fault: { kind: "huge", bytes: megabyte } }] });
  const { items } = JSON.parse(await (await fetch(`${url}/data`)).text());
  expect(items.length).toBeGreaterThan(10_000);
  expect(items.slice(-40)).toEqual(reference("data"));
});

async function answerTo(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const [response] = await once(get(url, { headers, agent: false }), "response");
  return response;
}
