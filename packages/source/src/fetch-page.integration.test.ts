import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:net";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { CancelledError, PenstockError, PermanentError, ThrottledError, TransientError } from "@penstock/core/errors";
import { type LoopbackServer, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { bearer } from "./auth.ts";
import { defineSource, defineStream, type SourceOptions, type StreamOptions } from "./define-source.ts";
import { createPageFetcher, type FetchedPage } from "./fetch-page.ts";
import { keyset } from "./paginators/keyset.ts";

const schema = z.object({ id: z.string() });
type Options = Partial<SourceOptions> & { stream?: Partial<StreamOptions<typeof schema>> };

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<LoopbackServer> {
  return stack.use(await startLoopbackServer(handle));
}

/** Fetches the first page of a source at `baseUrl`. */
async function fetchFrom(
  baseUrl: string,
  { stream, ...options }: Options = {},
  signal = new AbortController().signal,
): Promise<FetchedPage> {
  const items = defineStream({ path: "/items", records: "items", schema, key: "id", ...stream });
  const configured = defineSource({ name: "shop", baseUrl, ...options, streams: { items } }).configure({});
  if (!configured.isConfigured) throw new Error("not configured");
  const fetcher = stack.adopt(createPageFetcher(configured.source), (opened) => opened.close());
  const [named] = Object.values(configured.source.streams);
  if (named === undefined) throw new Error("no stream");
  return fetcher.fetch(named, named.paginator.start(null), { signal });
}

async function failure(work: Promise<unknown>): Promise<PenstockError> {
  const error = await work.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  if (error instanceof PenstockError) return error;
  throw error;
}

const respond = (status: number, headers: Record<string, string> = {}, body: string | Buffer = '{"items":[]}') => {
  return serve((_, response) => response.writeHead(status, headers).end(body));
};

test("a page: its items, cursors, where to go on, the API's clock", async () => {
  const seen: IncomingMessage[] = [];
  const { url } = await serve((request, response) => {
    seen.push(request);
    response
      .writeHead(200, { date: "Sat, 31 Jan 2026 12:00:00 GMT" })
      .end('{"items":[{"id":"a","at":"2026-01-31"},{"at":null}]}');
  });
  const stream = { cursor: { field: "at" }, paginator: keyset({ pageSize: 10 }), query: { sort: "a b&c" } };
  const page = await fetchFrom(`${url}/v1/?fixed=1`, { auth: bearer("s3cret"), headers: { "x-extra": "yes" }, stream });
  expect(page).toMatchObject({
    items: [{ id: "a", at: "2026-01-31" }, { at: null }],
    cursors: ["2026-01-31T00:00:00.000Z", null],
    next: { kind: "next", position: { phase: "walk", max: "2026-01-31T00:00:00.000Z" } },
    apiDate: new Date("2026-01-31T12:00:00Z"),
    status: 200,
    sizeBytes: 52,
  });
  expect(seen[0]?.url).toBe("/v1/items?fixed=1&sort=a+b%26c&limit=10");
  expect(seen[0]?.headers).toMatchObject({
    authorization: "Bearer s3cret",
    "x-extra": "yes",
    "user-agent": "penstock/0.1",
    accept: "application/json",
  });
});

test("connections are kept and reused", async () => {
  const ports = new Set<number | undefined>();
  const { url } = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    response.end('{"items":[]}');
  });
  const items = defineStream({ path: "/items", records: "items", schema, key: "id" });
  const configured = defineSource({ name: "shop", baseUrl: url, concurrency: 1, streams: { items } }).configure({});
  if (!configured.isConfigured) throw new Error("not configured");
  const fetcher = stack.adopt(createPageFetcher(configured.source), (opened) => opened.close());
  for (let i = 0; i < 5; i++)
    await fetcher.fetch({ ...items, name: "items" }, {}, { signal: new AbortController().signal });
  expect(ports.size).toBe(1);
});

test.each([
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
])("%s is decompressed", async (encoding, compress) => {
  const { url } = await respond(200, { "content-encoding": encoding }, compress('{"items":[{"id":"é"}]}'));
  expect((await fetchFrom(url)).items).toEqual([{ id: "é" }]);
});

test("a byte order mark and another charset are read", async () => {
  const marked = await respond(200, {}, '\ufeff{"items":[{"id":"a"}]}');
  expect((await fetchFrom(marked.url)).items).toEqual([{ id: "a" }]);
  const latin = await respond(
    200,
    { "content-type": "application/json; charset=ISO-8859-1" },
    Buffer.from('{"items":[{"id":"é"}]}', "latin1"),
  );
  expect((await fetchFrom(latin.url)).items).toEqual([{ id: "é" }]);
});

describe("answers that are errors", () => {
  test.each([
    [401, PermanentError, "UNAUTHORIZED"],
    [403, PermanentError, "UNAUTHORIZED"],
    [404, PermanentError, "NOT_FOUND"],
    [400, PermanentError, "REQUEST_REJECTED"],
    [500, TransientError, "SERVER_ERROR"],
    [503, TransientError, "SERVER_ERROR"],
    [429, ThrottledError, "THROTTLED"],
  ])("%i", async (status, kind, code) => {
    const { url } = await respond(status, {}, '{"error":"no"}\n\u001b[31m');
    const error = await failure(fetchFrom(url, { auth: bearer("s3cret"), stream: { query: { password: "hush" } } }));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ code, details: { source: "shop", stream: "items" } });
    expect(error.message).toBe(`${url} answered ${status} to GET /items: "{\\"error\\":\\"no\\"}\\n\\u{1b}[31m"`);
    expect(error.message).not.toMatch(/s3cret|hush/);
  });

  test("429 with a date waits until then", async () => {
    const { url } = await respond(429, { "retry-after": new Date(Date.now() + 20_000).toUTCString() });
    const error = await failure(fetchFrom(url));
    if (!(error instanceof ThrottledError)) throw error;
    expect(error.retryAfterMs).toBeGreaterThan(15_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(20_000);
  });

  test("503 with Retry-After is a pause", async () => {
    const { url } = await respond(503, { "retry-after": "3" });
    expect(await failure(fetchFrom(url))).toMatchObject({ code: "THROTTLED", retryAfterMs: 3_000 });
  });
});

describe("bodies that cannot be used", () => {
  test("HTML with status 200", async () => {
    const { url } = await respond(200, { "content-type": "text/html" }, `<html>${"x".repeat(500)}</html>`);
    const error = await failure(fetchFrom(url));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.code).toBe("BODY_NOT_JSON");
    expect(error.message).toContain(
      'shop.items: the response is not JSON: content type text/html, 513 bytes, beginning "<html>xxx',
    );
    expect(error.message.length).toBeLessThan(250);
  });

  test.each([
    ["an empty one", ""],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["JSON that ends early", '{"items":[{"id":'],
  ])("%s", async (_, body) => {
    const { url } = await respond(200, {}, body);
    expect((await failure(fetchFrom(url))).code).toBe("BODY_NOT_JSON");
  });

  test("an encoding nobody asked for", async () => {
    const { url } = await respond(200, { "content-encoding": "compress" });
    expect(await failure(fetchFrom(url))).toMatchObject({
      code: "BODY_NOT_JSON",
      message: expect.stringContaining('"compress"'),
    });
  });

  test.each([
    [
      '{"data":[],"meta":1}',
      "the selector found nothing instead of an array; the response is an object with data, meta",
    ],
    ['{"items":{"id":1}}', "the selector found object with id instead of an array"],
    ["[1]", "the selector found nothing instead of an array; the response is array of 1"],
    ["null", "the response is null"],
  ])("%s has no records where they should be", async (body, message) => {
    const { url } = await respond(200, {}, body);
    expect(await failure(fetchFrom(url))).toMatchObject({
      code: "SELECTOR_MISSED",
      message: expect.stringContaining(message),
    });
  });

  test("larger than maxBytes, also when only decompressing makes it so", async () => {
    const large = JSON.stringify({ items: [{ id: "x".repeat(100_000) }] });
    for (const server of [
      await respond(200, {}, large),
      await respond(200, { "content-encoding": "gzip" }, gzipSync(large)),
    ]) {
      const error = await failure(fetchFrom(server.url, { stream: { maxBytes: 50_000 } }));
      expect(error).toMatchObject({ code: "BODY_TOO_LARGE", message: expect.stringContaining("50000 bytes") });
    }
  });

  test.each([
    ["as it is", {}, "BODY_TOO_LARGE"],
    ["said to be as it is", { "content-encoding": "Identity" }, "BODY_TOO_LARGE"],
    ["in an encoding nobody asked for", { "content-encoding": "compress" }, "BODY_NOT_JSON"],
  ])("an endless one, %s, is left off, and its connection closed", async (_, headers, code) => {
    const closed = Promise.withResolvers<void>();
    const { url } = await serve((_, response) => {
      response.on("close", closed.resolve).writeHead(200, headers);
      const pump = () => {
        while (!response.destroyed && response.write("[".repeat(10_000))) {}
      };
      response.on("drain", pump);
      pump();
    });
    expect((await failure(fetchFrom(url, { stream: { maxBytes: 200_000 } }))).code).toBe(code);
    await closed.promise;
  });
});

describe("connections that fail are tried again", () => {
  test("nobody listens", async () => {
    const { url, close } = await respond(200);
    await close();
    const error = await failure(fetchFrom(url));
    expect(error).toBeInstanceOf(TransientError);
    expect(error).toMatchObject({
      code: "CONNECTION_FAILED",
      message: `no connection to ${new URL(url).host} (nobody listens there, ECONNREFUSED)`,
    });
  });

  test("a host that DNS does not know", async () => {
    const error = await failure(fetchFrom("http://nonexistent.invalid"));
    expect(error).toBeInstanceOf(TransientError);
    expect(error).toMatchObject({
      code: "CONNECTION_FAILED",
      message: expect.stringContaining("no connection to nonexistent.invalid (DNS"),
    });
  });

  test("closed before an answer", async () => {
    const { url } = await serve((request) => request.socket.destroy());
    expect((await failure(fetchFrom(url))).code).toBe("CONNECTION_FAILED");
  });

  test("an answer that is no HTTP", async () => {
    const server = createServer((socket) => socket.resume().end("SSH-2.0-OpenSSH_9.9\r\n")).listen(0, "127.0.0.1");
    await once(server, "listening");
    stack.defer(() => void server.close());
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    expect((await failure(fetchFrom(`http://127.0.0.1:${address.port}`))).code).toBe("CONNECTION_FAILED");
  });

  test.each([
    ["a body shorter than announced", { "content-length": "500" }],
    ["a chunked body cut off", {}],
  ])("%s", async (_, headers) => {
    const { url } = await serve((_request, response) => {
      response.writeHead(200, headers);
      response.write('{"items":[', () => response.destroy());
    });
    const error = await failure(fetchFrom(url));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.code).toBe("BODY_INCOMPLETE");
  });

  test("a compressed body cut off, as if it were whole", async () => {
    const { url } = await respond(200, { "content-encoding": "gzip" }, gzipSync('{"items":[]}').subarray(0, 15));
    expect((await failure(fetchFrom(url))).code).toBe("BODY_INCOMPLETE");
  });
});

describe("time", () => {
  test("no answer in time", async () => {
    const { url } = await serve(() => {});
    const error = await failure(fetchFrom(url, { timeoutMs: 200 }));
    expect(error).toBeInstanceOf(TransientError);
    expect(error).toMatchObject({
      code: "TIMEOUT",
      message: expect.stringContaining("did not answer GET /items in time"),
    });
  });

  test("a body that drips for ever", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200).write("[");
      const drip = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(drip));
    });
    expect((await failure(fetchFrom(url, { timeoutMs: 150 }))).code).toBe("TIMEOUT");
  });

  test("cancelled", async () => {
    const stop = new AbortController();
    const { url } = await serve(() => stop.abort());
    expect(await failure(fetchFrom(url, {}, stop.signal))).toBeInstanceOf(CancelledError);
  });
});
