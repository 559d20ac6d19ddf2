import { join } from "node:path";
import { PermanentError } from "@penstock/core/errors";
import { isJsonObject } from "@penstock/core/json";
import { streamReader } from "@penstock/source/read-stream";
import { testSource } from "@penstock/source/test-source";
import { createTransformer } from "@penstock/source/transform";
import { viewColumns } from "@penstock/source/view-columns";
import { type ExternalApi, type ExternalApiOptions, startExternalApi } from "@penstock/testing/simulators/external-api";
import { afterEach, expect, test } from "vitest";
import external from "./external_api.ts";

let api: ExternalApi | undefined;
afterEach(() => api?.close());

async function readerOf(options: ExternalApiOptions, env: Record<string, string> = {}) {
  api = await startExternalApi(options);
  return { ...streamReader(external, "data", { API_BASE_URL: api.url, BATCH_SIZE: "100", ...env }), api };
}

const idsOf = (items: unknown[]) => new Set(items.map((item) => (isJsonObject(item) ? item["id"] : undefined)));

test.each(["inclusive", "exclusive"] as const)(
  "every record is read, 500 of one time among them, since %s",
  async (since) => {
    const { read, api } = await readerOf({ records: 1_200, sameTimestamp: { from: 350, count: 500 }, since });
    const { items, end } = await read(null);
    expect(end).toBe("end");
    expect(idsOf(items).size).toBe(1_200);
    expect(Math.max(...api.requests.map(({ given }) => given))).toBeGreaterThan(500);
  },
);

test("what came since the bound is read, and with it the bound itself", async () => {
  const { read, api } = await readerOf({ records: 1_000 });
  const bound = api.records[899]?.ts ?? "";
  const { items } = await read(bound);
  for (const { id } of api.records.slice(899)) expect(idsOf(items)).toContain(id);
  expect(items.length).toBeLessThan(150);
});

test("a cap that cuts one time off fails the run instead of losing records", async () => {
  const { read } = await readerOf({ records: 1_000, sameTimestamp: { from: 300, count: 400 }, cap: 100 });
  await expect(read(null)).rejects.toMatchObject({
    code: "CURSOR_STUCK",
    remedy: expect.stringContaining("BATCH_SIZE"),
  });
});

test("a cap below the page size costs requests only", async () => {
  const { read, api } = await readerOf({ records: 1_000, cap: 30 });
  const { items, end } = await read(null);
  expect({ end, seen: idsOf(items).size }).toEqual({ end: "end", seen: 1_000 });
  expect(api.requests.length).toBeLessThan(40);
});

test("an API that refuses larger pages is understood when told its limit, and explained when not", async () => {
  const refusing: ExternalApiOptions = { records: 300, sameTimestamp: { from: 50, count: 120 } };
  const fault = () =>
    Number(api?.requests.at(-1)?.limit) > 100
      ? { status: 422, body: '{"detail":"limit must be 100 or less"}' }
      : undefined;
  const { read } = await readerOf({ ...refusing, fault });
  await expect(read(null)).rejects.toThrow(
    /422 .*limit must be 100 or less.*the limit was raised to 200 since 100 or more records share the cursor value/,
  );
  await api?.close();
  const told = await readerOf({ ...refusing, fault }, { API_MAX_PAGE_SIZE: "100" });
  await expect(told.read(null)).rejects.toMatchObject({ code: "CURSOR_STUCK" });
});

test("the token goes out, and nowhere else", async () => {
  const { read } = await readerOf({ records: 5, token: "s3cret" }, { API_TOKEN: "s3cret" });
  expect(idsOf((await read(null)).items).size).toBe(5);
  await api?.close();
  const wrong = await readerOf({ records: 5, token: "s3cret" }, { API_TOKEN: "guess" });
  const error = await wrong.read(null).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(PermanentError);
  expect(error).toMatchObject({ code: "UNAUTHORIZED" });
  expect(String(error)).not.toContain("guess");
});

test("records are scaled and say where they are from, times are UTC", async () => {
  const { source, stream } = await readerOf({ records: 0 });
  const transform = createTransformer(source, stream);
  const stored = (item: Parameters<typeof transform>[0]) => {
    const made = transform(item, { fetchedAt: new Date() });
    return made.kind === "records" ? made.records.map(({ data }) => JSON.parse(data)) : [];
  };
  const rest = { source: "external_api", meta: null };
  expect(stored({ id: "a", ts: "2026-01-31T14:00:00+02:00", value: 1.5 })).toEqual([
    { id: "a", ts: "2026-01-31T12:00:00.000Z", value: 1.5, value_scaled: 150, ...rest },
  ]);
  expect(stored({ id: 7, ts: 1_769_860_800, value: 0, meta: [1] })).toEqual([
    { id: "7", ts: "2026-01-31T12:00:00.000Z", value: 0, value_scaled: 0, ...rest, meta: [1] },
  ]);
});

test("the columns of its view", async () => {
  const { stream } = await readerOf({ records: 0 });
  expect(viewColumns(stream).map(({ name, type }) => ({ name, type }))).toEqual([
    { name: "id", type: "text" },
    { name: "ts", type: "timestamp" },
    { name: "value", type: "real" },
    { name: "value_scaled", type: "real" },
    { name: "source", type: "text" },
    { name: "meta", type: "json" },
  ]);
});

test("its variables are those of the original pipeline", () => {
  const configured = external.configure({
    API_BASE_URL: "https://a.example",
    MAX_RETRIES: "0",
    INITIAL_BACKOFF: "0.5",
    MAX_BACKOFF: "8",
  });
  expect(configured).toMatchObject({
    isConfigured: true,
    source: { auth: { kind: "none" }, retry: { attempts: 1, initialMs: 500, maxMs: 8_000 } },
  });
  expect(external.configure({})).toEqual({ isConfigured: false, problems: ["API_BASE_URL is not set"] });
  expect(() => external.configure({ API_BASE_URL: "not a url", BATCH_SIZE: "0", MAX_BACKOFF: "-1" })).toThrow(
    /API_BASE_URL.*BATCH_SIZE.*MAX_BACKOFF/,
  );
});

test("what the API was recorded to answer holds, without the API", async () => {
  const { data } = await testSource(external, {
    fixtures: join(import.meta.dirname, "fixtures/external_api"),
    env: { API_BASE_URL: "https://api.example.com", BATCH_SIZE: "10" },
  });
  expect(data).toMatchObject({ pages: 4, filtered: 0, invalid: [] });
  expect(data?.records).toHaveLength(24);
  expect(data?.records[1]?.data).toMatchObject({ id: "rec-0000001", value: 791.9, value_scaled: 79_190 });
});
