import { InfrastructureError } from "@penstock/core/errors";
import { expect, test } from "vitest";
import { oauth2ClientCredentials, oauth2RefreshToken } from "./oauth2.ts";
import { createPageFixture, failure } from "./page-fixture.ts";
import type { InStep } from "./request-step.ts";
import { createTokenEndpoint } from "./token-endpoint.ts";
import { createMemoryTokens, type TokenStore } from "./token-store.ts";

const signal = new AbortController().signal;

async function openApi(options: Parameters<typeof createTokenEndpoint>[0] = {}) {
  const fixture = createPageFixture();
  const endpoint = createTokenEndpoint(options);
  const server = await fixture.serve(endpoint.handle);
  const client = { tokenUrl: `${server.url}/token`, clientId: "me", clientSecret: "client-secret" };
  /** A worker's own fetcher; with the same tokens it belongs to the same fleet. */
  const worker = (tokens: TokenStore, auth = oauth2RefreshToken({ ...client, refreshToken: "refresh-secret-0" })) => {
    const { fetcher, stream } = fixture.open(server.url, { auth }, { tokens });
    return () => fetcher.fetch(stream, {}, { signal });
  };
  return { endpoint, server, client, worker, fixture, [Symbol.asyncDispose]: fixture[Symbol.asyncDispose] };
}

test("client credentials: one token for many requests, the client's account in the header", async () => {
  await using api = await openApi();
  const auth = oauth2ClientCredentials({ ...api.client, scope: "read", parameters: { audience: "orders" } });
  const fetch = api.worker(createMemoryTokens(), auth);
  await Promise.all([fetch(), fetch(), fetch()]);
  await fetch();
  expect(api.endpoint.grants).toEqual([
    {
      form: { grant_type: "client_credentials", scope: "read", audience: "orders" },
      authorization: `Basic ${Buffer.from("me:client-secret").toString("base64")}`,
    },
  ]);
});

test("who tells of a request is told of its token and of its redirects, by the host alone", async () => {
  await using api = await openApi();
  const server = await api.fixture.serve((request, response) => {
    if (request.url === "/items") response.writeHead(307, { location: "/moved?key=hunter2" }).end();
    else api.endpoint.handle(request, response);
  });
  const auth = oauth2ClientCredentials({ ...api.client, tokenUrl: `${server.url}/token` });
  const steps: string[] = [];
  const inStep: InStep = async ({ name, host }, work) => {
    steps.push(`${name} ${host}`);
    return await work();
  };
  const { fetcher, stream } = api.fixture.open(server.url, { auth }, { inStep });
  await fetcher.fetch(stream, {}, { signal });
  await fetcher.fetch(stream, {}, { signal });
  const { host } = new URL(server.url);
  expect(steps).toEqual([`token ${host}`, `redirect ${host}`, `redirect ${host}`]);
});

test("20 workers, one refresh token that works once: one refresh, then one per revocation", async () => {
  await using api = await openApi();
  const tokens = createMemoryTokens();
  const workers = Array.from({ length: 20 }, () => api.worker(tokens));
  await Promise.all(workers.map((fetch) => fetch()));
  expect(api.endpoint.grants).toHaveLength(1);
  api.endpoint.revoke();
  await Promise.all(workers.map((fetch) => fetch()));
  expect(api.endpoint.grants.map(({ form }) => form["refresh_token"])).toEqual([
    "refresh-secret-0",
    "refresh-secret-1",
  ]);
});

test("a worker that starts later goes on from the rotated token", async () => {
  await using api = await openApi();
  const tokens = createMemoryTokens();
  await api.worker(tokens)();
  api.endpoint.revoke();
  await api.worker(tokens)();
  expect(api.endpoint.grants.map(({ form }) => form["refresh_token"])).toEqual([
    "refresh-secret-0",
    "refresh-secret-1",
  ]);
});

test("a token is renewed before it expires, by the time it lives", async () => {
  await using api = await openApi({ expiresIn: 0 });
  const fetch = api.worker(createMemoryTokens());
  await fetch();
  await fetch();
  expect(api.endpoint.grants).toHaveLength(2);
});

test("a 401 forces one refresh, not a loop", async () => {
  await using api = await openApi();
  const never = await api.fixture.serve((request, response) => {
    if (request.url === "/token") api.endpoint.handle(request, response);
    else response.writeHead(401).end();
  });
  const auth = oauth2RefreshToken({ ...api.client, tokenUrl: `${never.url}/token`, refreshToken: "refresh-secret-0" });
  const { fetcher, stream } = api.fixture.open(never.url, { auth }, { tokens: createMemoryTokens() });
  expect(await failure(fetcher.fetch(stream, {}, { signal }))).toMatchObject({ code: "UNAUTHORIZED" });
  expect(never.requests.map(({ url }) => url)).toEqual(["/token", "/items", "/token", "/items"]);
});

test("a rotated token that cannot be stored is not used, and not lost either", async () => {
  await using api = await openApi();
  const stored = createMemoryTokens();
  let isAway = true;
  const save: TokenStore["save"] = (...tokens) => {
    if (isAway) throw new InfrastructureError("DATABASE_UNAVAILABLE", "away");
    return stored.save(...tokens);
  };
  const fetch = api.worker({ ...stored, save });
  expect(await failure(fetch())).toBeInstanceOf(InfrastructureError);
  expect(api.server.requests.map(({ url }) => url)).toEqual(["/token"]);
  isAway = false;
  await fetch();
  expect(api.server.requests.map(({ url }) => url)).toEqual(["/token", "/items"]);
});

test("what is stored shows neither token", async () => {
  await using api = await openApi();
  const stored = createMemoryTokens();
  const sealed: string[] = [];
  const save: TokenStore["save"] = (id, version, text) => {
    sealed.push(id, text, Buffer.from(text, "base64").toString("latin1"));
    return stored.save(id, version, text);
  };
  await api.worker({ ...stored, save })();
  expect(sealed).toHaveLength(3);
  expect(sealed.join()).not.toMatch(/secret|access|refresh/);
});

test("a refused grant is a letter that shows no secret, and is asked for once", async () => {
  await using api = await openApi({ refreshToken: "another" });
  const error = await failure(api.worker(createMemoryTokens())());
  expect(error).toMatchObject({ code: "TOKEN_REFUSED", message: expect.stringContaining("(invalid_grant)") });
  expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toMatch(/-secret/);
  expect(api.endpoint.grants).toHaveLength(1);
});

test.each([
  ["500", 500, "{}", "SERVER_ERROR"],
  ["429", 429, "{}", "THROTTLED"],
  ["no JSON", 200, "access_token=secret", "TOKEN_REFUSED"],
  ["no token", 200, '{"token":"secret"}', "TOKEN_REFUSED"],
])("a token endpoint that answers %s", async (_, status, body, code) => {
  await using fixture = createPageFixture();
  const { url } = await fixture.serve((_request, response) => response.writeHead(status).end(body));
  const client = { tokenUrl: `${url}/token`, clientId: "me", clientSecret: "client-secret" };
  const error = await failure(fixture.fetchFrom(url, { auth: oauth2ClientCredentials(client) }));
  expect(error.code).toBe(code);
  expect(`${error.message} ${error.stack} ${error.cause}`).not.toMatch(/secret/);
});

test("a refresh token without a place to keep the next one is not used", async () => {
  await using api = await openApi();
  const { fetcher, stream } = api.fixture.open(api.server.url, {
    auth: oauth2RefreshToken({ ...api.client, refreshToken: "refresh-secret-0" }),
  });
  expect(await failure(fetcher.fetch(stream, {}, { signal }))).toMatchObject({ code: "TOKEN_REFUSED" });
  expect(api.server.requests).toEqual([]);
});
