import { createHmac } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text as bodyOf } from "node:stream/consumers";
import { PermanentError, TransientError } from "@penstock/core/errors";
import type { JsonObject } from "@penstock/core/json";
import { expect, test } from "vitest";
import { z } from "zod";
import { apiKey, basic, bearer, customAuth } from "./auth.ts";
import { defineSource, defineStream } from "./define-source.ts";
import { createPageFetcher } from "./fetch-page.ts";
import { createPageFixture, failure } from "./page-fixture.ts";
import { nextUrl } from "./paginators/links.ts";

test.each([
  ["bearer", bearer("s3cret"), { authorization: "Bearer s3cret" }, "/items"],
  ["apiKey in a header", apiKey({ key: "s3cret", header: "X-Api-Key" }), { "x-api-key": "s3cret" }, "/items"],
  ["apiKey in the query", apiKey({ key: "s3cret/+ ", query: "key" }), {}, "/items?key=s3cret%2F%2B+"],
  ["basic", basic({ user: "mé", password: "s3cret:" }), { authorization: "Basic bcOpOnMzY3JldDo=" }, "/items"],
  [
    "custom",
    customAuth(async () => ({ headers: { "X-Sign": "s3cret-signature" }, query: { t: "s3cret-time" } })),
    { "x-sign": "s3cret-signature" },
    "/items?t=s3cret-time",
  ],
])("%s is sent, and shown nowhere when the API repeats it", async (_, auth, headers, path) => {
  await using fixture = createPageFixture();
  const { url, requests } = await fixture.serve((request, response) => {
    const { authorization = "", "x-api-key": key = "", "x-sign": sign = "" } = request.headers;
    response.writeHead(422).end(`${authorization}${key}${sign} ${request.url}`);
  });
  const error = await failure(fixture.fetchFrom(url, { auth }));
  expect(requests[0]?.headers).toMatchObject(headers);
  expect(requests[0]?.url).toBe(path);
  expect(error.message).toContain("[concealed]");
  expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toMatch(/s3cret|bcOpOnMzY3JldDo/);
});

test("a key that basic authentication takes for the user is shown nowhere either", async () => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => response.writeHead(422).end("no such key: s3cret-key"));
  const error = await failure(fixture.fetchFrom(url, { auth: basic({ user: "s3cret-key", password: "" }) }));
  expect(error.message).toContain("no such key: [concealed]");
});

test.each([
  ["a line end", "s3cret\n"],
  ["a character that no header can hold", "s3cret€"],
])("credentials with %s are refused before they are sent, without being shown", (what, secret) => {
  for (const make of [() => bearer(secret), () => apiKey({ key: secret, header: "x-api-key" })]) {
    expect(make).toThrow(`has ${what} at position 7 of 7`);
    expect(make).not.toThrow("s3cret");
  }
  expect(() => apiKey({ key: secret, query: "key" })).not.toThrow();
});

test("headers and query parameters of the source are concealed where the API repeats them, and links lead on all the same", async () => {
  await using fixture = createPageFixture();
  const { url, requests } = await fixture.serve((request, response) => {
    const { "x-tenant-token": token = "", "x-tenant": tenant = "" } = request.headers;
    if (request.url?.includes("page=2") === true)
      response.writeHead(422).end(`no such page for ${token} ${tenant}: ${request.url}`);
    else response.end(JSON.stringify({ items: [], next: `${request.url}&page=2&of=${token}&until=2026-01-01` }));
  });
  const source = {
    headers: { "X-Tenant-Token": "s3cret-token", "X-Tenant": "s3cret-tenant", "X-Version": "2026-01-01" },
    query: { client_key: "s3cret-key", size: "2" },
    stream: { paginator: nextUrl({ path: "next" }) },
  };
  const { next } = await fixture.fetchFrom(url, source);
  if (next.kind !== "next") throw new Error("no next page");
  expect(JSON.stringify(next)).not.toContain("s3cret");
  const error = await failure(fixture.fetchFrom(url, source, { position: next.position }));
  expect(requests[1]?.url).toBe("/items?client_key=s3cret-key&size=2&page=2&of=%5Bconcealed%5D&until=2026-01-01");
  expect(error.message).toContain("no such page for [concealed] [concealed]: /items?client_key=[concealed]");
});

test("a secret of the environment is shown nowhere, wherever the definition has it", async () => {
  await using fixture = createPageFixture();
  const { url, requests } = await fixture.serve((request, response) =>
    request.url?.endsWith("?page=2") === true
      ? response.writeHead(422).end(`nothing at ${request.url} for ${request.headers["user-agent"]}`)
      : response.end(JSON.stringify({ items: [], next: `http://${request.headers.host}${request.url}?page=2` })),
  );
  const stream = defineStream({
    path: "/items",
    records: "items",
    schema: z.object({ id: z.string() }),
    key: "id",
    paginator: nextUrl({ path: "next" }),
  });
  const configured = defineSource({
    name: "bot",
    environment: z.object({ BOT_TOKEN: z.string() }),
    define: ({ BOT_TOKEN }) => ({
      baseUrl: `${url}/bot${BOT_TOKEN}`,
      headers: { "user-agent": `of ${BOT_TOKEN}` },
      streams: { items: stream },
    }),
  }).configure({ BOT_TOKEN: "s3cret:token" });
  if (!configured.isConfigured) throw new Error("not configured");
  const fetcher = createPageFetcher(configured.source);
  const { signal } = new AbortController();
  const fetch = (position: JsonObject) => fetcher.fetch({ ...stream, name: "items" }, position, { signal });
  const { next } = await fetch(stream.paginator.start(null));
  expect(next).toMatchObject({ kind: "next", position: { url: `${url}/bot[concealed]/items?page=2` } });
  const error = await failure(fetch(next.kind === "next" ? next.position : {}));
  await fetcher.close();
  expect(requests.map((request) => request.url)).toEqual(["/bots3cret:token/items", "/bots3cret:token/items?page=2"]);
  expect(error.message).toContain(
    'to GET /bot[concealed]/items: "nothing at /bot[concealed]/items?page=2 for of [concealed]"',
  );
});

test("accounts in the links of an API go nowhere", async () => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((request, response) =>
    response.end(JSON.stringify({ items: [], next: `http://me:s3cret@${request.headers.host}/items?page=2` })),
  );
  const { next } = await fixture.fetchFrom(url, { stream: { paginator: nextUrl({ path: "next" }) } });
  expect(next).toMatchObject({ kind: "next", position: { url: `${url}/items?page=2` } });
});

test("a custom function is asked once more after a 401, and no more often", async () => {
  await using fixture = createPageFixture();
  const asked: boolean[] = [];
  const auth = customAuth(({ isRefused }) => {
    asked.push(isRefused);
    return { headers: { authorization: isRefused ? "new-credentials" : "old-credentials" } };
  });
  const picky = await fixture.serve((request, response) => {
    response.writeHead(request.headers.authorization === "new-credentials" ? 200 : 401).end('{"items":[]}');
  });
  await fixture.fetchFrom(picky.url, { auth });
  expect(asked).toEqual([false, true]);
  const never = await fixture.serve((_request, response) => response.writeHead(401).end());
  const error = await failure(fixture.fetchFrom(never.url, { auth }));
  expect(error).toBeInstanceOf(PermanentError);
  expect(error.code).toBe("UNAUTHORIZED");
  expect(never.requests).toHaveLength(2);
});

test("a custom function signs what goes out, page by page, byte for byte", async () => {
  await using fixture = createPageFixture();
  const sign = (text: string) => createHmac("sha256", "s3cret").update(text).digest("hex");
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const signed = `${request.method} ${url}${request.url} ${await bodyOf(request)}`;
    const isSigned = request.headers["x-signature"] === sign(signed);
    response.writeHead(isSigned ? 200 : 401).end(JSON.stringify({ items: [], next: `${request.url}&page=2` }));
  };
  const { url, requests } = await fixture.serve((request, response) => void answer(request, response));
  const source = {
    auth: customAuth(({ request: { method, url: to, body } }) => ({
      headers: { "X-Signature": sign(`${method} ${to} ${body}`) },
    })),
    query: { client_key: "s3cret+key" },
    stream: { method: "POST", body: { q: "é" }, paginator: nextUrl({ path: "next" }) },
  } as const;
  const { next } = await fixture.fetchFrom(url, source);
  if (next.kind !== "next") throw new Error("no next page");
  await fixture.fetchFrom(url, source, { position: next.position });
  expect(requests.map((request) => request.url)).toEqual([
    "/items?client_key=s3cret%2Bkey",
    "/items?client_key=s3cret%2Bkey&page=2",
  ]);
});

test("a custom function that throws is no connection that fails, and what it says is shown nowhere", async () => {
  await using fixture = createPageFixture();
  const { url, requests } = await fixture.serve((_request, response) => response.end('{"items":[]}'));
  const auth = customAuth(() => {
    throw new TypeError("no signature with s3cret");
  });
  const error = await failure(fixture.fetchFrom(url, { auth }));
  expect(error).toBeInstanceOf(TransientError);
  expect(error).toMatchObject({
    code: "AUTH_FAILED",
    message: expect.stringContaining("customAuth threw (TypeError)"),
  });
  expect(error.message).not.toContain("s3cret");
  expect(requests).toEqual([]);
});

test("a token that cannot be renewed is not sent again after a 401", async () => {
  await using fixture = createPageFixture();
  const { url, requests } = await fixture.serve((_request, response) => response.writeHead(401).end());
  expect(await failure(fixture.fetchFrom(url, { auth: bearer("s3cret") }))).toMatchObject({ code: "UNAUTHORIZED" });
  expect(requests).toHaveLength(1);
});
