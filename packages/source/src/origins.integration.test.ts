import type { IncomingMessage } from "node:http";
import type { JsonObject } from "@penstock/core/json";
import { expect, test } from "vitest";
import { apiKey, basic, bearer } from "./auth.ts";
import { createPageFixture, type FixtureOptions, failure } from "./page-fixture.ts";
import type { Paginator } from "./paginator.ts";

/** Asks at the link that its position holds. */
const linked: Paginator = {
  kind: "linked",
  start: () => ({}),
  request: ({ url }: JsonObject) => (typeof url === "string" ? { url } : {}),
  next: (_position, { body }) => {
    const link = typeof body === "object" && body !== null && "next" in body ? body["next"] : undefined;
    return typeof link === "string" ? { kind: "next", position: { url: link } } : { kind: "end" };
  },
};

/** Everything that may be a secret, in every place that a request has for one. */
const withSecrets: FixtureOptions = {
  auth: bearer("s3cret-token"),
  headers: { "X-Tenant-Secret": "s3cret-header" },
  query: { tenant: "s3cret-query" },
  stream: { paginator: linked, query: { view: "s3cret-view" } },
};

const sentBy = ({ url, headers, rawHeaders }: IncomingMessage) => JSON.stringify([url, headers, rawHeaders]);

test.each([
  ["a bearer token", bearer("s3cret-token")],
  ["a key in a header", apiKey({ key: "s3cret-key", header: "x-api-key" })],
  ["a key in the query", apiKey({ key: "s3cret-key", query: "api_key" })],
  ["basic authentication", basic({ user: "me", password: "s3cret-password" })],
])("an allowed link to another origin gets nothing of a source with %s", async (_, auth) => {
  await using fixture = createPageFixture();
  const other = await fixture.serve((_request, response) => response.end('{"items":[{"id":"a"}]}'));
  const own = await fixture.serve((_request, response) => response.end("{}"));
  const options = { ...withSecrets, auth, allowedOrigins: [other.url] };
  const page = await fixture.fetchFrom(own.url, options, { position: { url: `${other.url}/next?page=2` } });
  expect(page.items).toEqual([{ id: "a" }]);
  expect(other.requests.map(({ url }) => url)).toEqual(["/next?page=2"]);
  expect(other.requests.map(sentBy).join()).not.toMatch(/s3cret|authorization|x-api-key|x-tenant/i);
  expect(own.requests).toEqual([]);
});

test.each(["link", "redirect"])("a %s to another origin that is not allowed is not followed at all", async (way) => {
  await using fixture = createPageFixture();
  const other = await fixture.serve((_request, response) => response.end("{}"));
  const away = `${other.url}/next?page=2`;
  const own = await fixture.serve((_request, response) => response.writeHead(302, { location: away }).end());
  const position = way === "link" ? { url: away } : {};
  const error = await failure(fixture.fetchFrom(own.url, withSecrets, { position }));
  expect(own.requests).toHaveLength(way === "link" ? 0 : 1);
  expect(error).toMatchObject({
    code: "ORIGIN_REFUSED",
    message: expect.stringContaining(`another origin, ${other.url},`),
  });
  expect(error.message).not.toContain("page=2");
  expect(other.requests).toEqual([]);
});

test.each([
  "http://169.254.169.254",
  "http://[::ffff:169.254.169.254]",
  "http://2852039166",
  "http://0xa9fea9fe",
  "http://0251.0376.0251.0376",
])("%s is refused, allowed or not, by link and by redirect", async (metadata) => {
  await using fixture = createPageFixture();
  const link = `${metadata}/latest/meta-data/`;
  const own = await fixture.serve((_request, response) => response.writeHead(302, { location: link }).end());
  const refused = { code: "ORIGIN_REFUSED" };
  expect(await failure(fixture.fetchFrom(own.url, withSecrets, { position: { url: link } }))).toMatchObject(refused);
  expect(await failure(fixture.fetchFrom(own.url, withSecrets))).toMatchObject(refused);
  const allowing = { ...withSecrets, allowedOrigins: [new URL(metadata).origin] };
  const atAddress = { code: "ADDRESS_REFUSED", message: expect.stringContaining("169.254.169.254") };
  expect(await failure(fixture.fetchFrom(own.url, allowing, { position: { url: link } }))).toMatchObject(atAddress);
  expect(await failure(fixture.fetchFrom(own.url, allowing))).toMatchObject(atAddress);
});

test("a redirect to another origin gets no credentials, and one back from there none either", async () => {
  await using fixture = createPageFixture();
  const own = await fixture.serve((request, response) => {
    if (request.url?.startsWith("/landed") === true) response.end('{"items":[{"id":"a"}]}');
    else response.writeHead(307, { location: `${other.url}/there` }).end();
  });
  const other = await fixture.serve((_request, response) =>
    response.writeHead(302, { location: `${own.url}/landed` }).end(),
  );
  const page = await fixture.fetchFrom(own.url, { ...withSecrets, allowedOrigins: [other.url] });
  expect(page.items).toEqual([{ id: "a" }]);
  const [first, last] = own.requests;
  expect(first?.headers.authorization).toBe("Bearer s3cret-token");
  expect([...other.requests, ...[last].flatMap((request) => request ?? [])].map(sentBy).join()).not.toMatch(/s3cret/);
});

test("redirects within the origin are followed with credentials, up to five", async () => {
  await using fixture = createPageFixture();
  const own = await fixture.serve((request, response) => {
    const hop = Number(/hop=(\d)/.exec(request.url ?? "")?.[1] ?? 0);
    if (hop === 5) response.end('{"items":[]}');
    else response.writeHead(301, { location: `items?hop=${hop + 1}` }).end();
  });
  await fixture.fetchFrom(own.url, { auth: apiKey({ key: "s3cret", query: "key" }) });
  expect(own.requests.map(({ url }) => url)).toEqual([
    "/items?key=s3cret",
    ...[1, 2, 3, 4, 5].map((hop) => `/items?hop=${hop}&key=s3cret`),
  ]);
});

test("a redirect loop ends", async () => {
  await using fixture = createPageFixture();
  const own = await fixture.serve((_request, response) => response.writeHead(302, { location: "/items" }).end());
  expect(await failure(fixture.fetchFrom(own.url))).toMatchObject({ code: "REDIRECT_LIMIT" });
  expect(own.requests).toHaveLength(6);
});

test.each([
  [302, "GET", ""],
  [303, "GET", ""],
  [307, "POST", '{"q":"x"}'],
  [308, "POST", '{"q":"x"}'],
])("a POST redirected by %i becomes a %s", async (status, method, body) => {
  await using fixture = createPageFixture();
  const bodies: string[] = [];
  const own = await fixture.serve((request, response) => {
    if (request.url === "/items") return response.writeHead(status, { location: "/moved" }).end();
    request.setEncoding("utf8").on("data", (text: string) => bodies.push(text));
    request.on("end", () => response.end('{"items":[]}'));
  });
  await fixture.fetchFrom(own.url, { stream: { method: "POST", body: { q: "x" } } });
  expect(own.requests.at(-1)?.method).toBe(method);
  expect(bodies.join("")).toBe(body);
});

test.each(["file:///etc/passwd", "http://", "javascript:1", "data:application/json,[]"])(
  "%s is no link",
  async (link) => {
    await using fixture = createPageFixture();
    const own = await fixture.serve((_request, response) => response.end("{}"));
    const error = await failure(fixture.fetchFrom(own.url, withSecrets, { position: { url: link } }));
    expect(error.code).toBe("ORIGIN_REFUSED");
  },
);

test("a key that the API repeats in its link is not kept, and is sent all the same", async () => {
  await using fixture = createPageFixture();
  const own = await fixture.serve((request, response) => {
    response.end(JSON.stringify({ items: [], next: `${own.url}${request.url}&page=2` }));
  });
  const options = { auth: apiKey({ key: "s3cret key", query: "api_key" }), stream: { paginator: linked } };
  const page = await fixture.fetchFrom(own.url, options);
  if (page.next.kind !== "next") throw new Error("no next page");
  expect(JSON.stringify(page.next)).not.toMatch(/s3cret/);
  expect(page.request.url).toBe(`${own.url}/items`);
  await fixture.fetchFrom(own.url, options, { position: page.next.position });
  expect(own.requests.at(-1)?.url).toBe("/items?api_key=s3cret+key&page=2");
});
