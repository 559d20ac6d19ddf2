import { afterEach, expect, test } from "vitest";
import type { SimulatedAuth } from "./auth.ts";
import { basicCredentials } from "./basic-credentials.ts";
import { createSimulator, type Simulator } from "./simulator.ts";

let api: Simulator | undefined;
afterEach(() => api?.close());

let now = 0;

async function start(auth: SimulatedAuth): Promise<Simulator> {
  now = Date.UTC(2026, 0, 1);
  api = await createSimulator({ streams: { data: { records: 3 } }, auth, now: () => now });
  return api;
}

const statusOf = async (path: string, headers: Record<string, string> = {}) =>
  (await fetch(`${api?.url}${path}`, { headers })).status;

test.each<[SimulatedAuth, string, Record<string, string>]>([
  [{ kind: "bearer", token: "t" }, "/data", { authorization: "Bearer t" }],
  [{ kind: "api-key", in: "header", name: "X-Key", key: "k" }, "/data", { "x-key": "k" }],
  [{ kind: "api-key", in: "query", name: "key", key: "k" }, "/data?key=k", {}],
  [{ kind: "basic", username: "u", password: "p" }, "/data", { authorization: "Basic dTpw" }],
])("%o lets its own in, and nobody else", async (auth, path, headers) => {
  await start(auth);
  expect(await statusOf(path, headers)).toBe(200);
  expect(await statusOf("/data")).toBe(401);
  expect(await statusOf("/data?key=guess", { authorization: "Bearer guess", "x-key": "guess" })).toBe(401);
});

type Tokens = { access_token: string; refresh_token?: string; expires_in: number; error?: string };

async function tokens(form: Record<string, string>, secret = "s") {
  const authorization = basicCredentials("c", secret);
  const body = new URLSearchParams(form);
  const response = await fetch(api?.tokenUrl ?? "", { method: "POST", headers: { authorization }, body });
  const answer: Tokens = JSON.parse(await response.text());
  return { status: response.status, ...answer, refresh: answer.refresh_token ?? "" };
}

const client = { clientId: "c", clientSecret: "s" };

test("client credentials give tokens that expire, or are ended", async () => {
  const { oauth2 } = await start({ kind: "oauth2", grant: "client_credentials", expiresInMs: 60_000, ...client });
  expect(await tokens({ grant_type: "client_credentials" }, "guess")).toMatchObject({ status: 401 });
  expect(await tokens({ grant_type: "password" })).toMatchObject({ status: 400, error: "unsupported_grant_type" });
  const { access_token, expires_in } = await tokens({ grant_type: "client_credentials" });
  const authorization = `Bearer ${access_token}`;
  expect(expires_in).toBe(60);
  expect(await statusOf("/data", { authorization })).toBe(200);
  now += 60_000;
  expect(await statusOf("/data", { authorization })).toBe(401);
  const next = await tokens({ grant_type: "client_credentials" });
  oauth2?.expireAccessTokens();
  expect(await statusOf("/data", { authorization: `Bearer ${next.access_token}` })).toBe(401);
  expect(oauth2?.issued()).toBe(2);
});

const refreshing = { kind: "oauth2", grant: "refresh_token", refreshToken: "r0", ...client } as const;
const refreshWith = (refresh_token: string) => tokens({ grant_type: "refresh_token", refresh_token });

test("a refresh token stays, unless it rotates", async () => {
  await start(refreshing);
  expect(await refreshWith("r0")).toMatchObject({ status: 200, refresh: "" });
  expect(await refreshWith("r0")).toMatchObject({ status: 200 });
  await api?.close();
  await start({ ...refreshing, rotation: "rotating" });
  const { refresh } = await refreshWith("r0");
  expect(await refreshWith("r0")).toMatchObject({ status: 200 });
  expect(await refreshWith(refresh)).toMatchObject({ status: 200 });
});

test("the second use of a single-use token ends everything", async () => {
  await start({ ...refreshing, rotation: "single-use" });
  const first = await refreshWith("r0");
  expect(await statusOf("/data", { authorization: `Bearer ${first.access_token}` })).toBe(200);
  expect(await refreshWith("r0")).toMatchObject({ status: 400, error: "invalid_grant" });
  expect(await refreshWith(first.refresh)).toMatchObject({ status: 400 });
  expect(await statusOf("/data", { authorization: `Bearer ${first.access_token}` })).toBe(401);
});
