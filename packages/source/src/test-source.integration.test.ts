import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSimulator, type Simulator } from "@penstock/testing/simulator/simulator";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { bearer } from "./auth.ts";
import { defineSource, defineStream } from "./define-source.ts";
import { keyset } from "./paginators/keyset.ts";
import { offset } from "./paginators/offset.ts";
import { testSource } from "./test-source.ts";

let api: Simulator;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "penstock-fixtures-"));
  const items = Array.from({ length: 6 }, (_, i) => ({ id: i, ts: i, order: `o${i % 2}`, note: "of s3cret-token" }));
  api = await createSimulator({
    streams: {
      orders: { records: [0, 1].map((n) => ({ id: `o${n}`, ts: n })) },
      items: { path: "/orders/:order/items", records: items, paging: { kind: "offset" } },
      data: { records: 25, paging: { kind: "keyset", since: "exclusive" } },
    },
    auth: { kind: "bearer", token: "s3cret-token" },
  });
});
afterEach(async () => {
  await api.close();
  await rm(dir, { recursive: true });
});

const schema = z.object({ id: z.string(), ts: z.iso.datetime(), value: z.number() });
const data = { path: "/data", records: "items", schema, key: "id", cursor: { field: "ts" }, order: "asc" } as const;

function sourceWith(overrides: object = {}) {
  return defineSource({
    name: "shop",
    environment: z.object({ SHOP_URL: z.string(), SHOP_TOKEN: z.string() }),
    define: (env) => ({
      baseUrl: env.SHOP_URL,
      auth: bearer(env.SHOP_TOKEN),
      streams: {
        data: defineStream({ ...data, paginator: keyset({ pageSize: 10 }), ...overrides }),
        orders: defineStream({ path: "/orders", records: "items", schema: z.object({ id: z.string() }), key: "id" }),
        items: defineStream({
          parent: { stream: "orders", fields: z.object({ id: z.string() }) },
          path: "/orders/{id}/items",
          records: "items",
          schema: z.object({ id: z.int() }),
          output: z.object({ id: z.int(), order: z.string() }),
          transform: ({ id }, { parent }) => ({ id, order: parent.id }),
          key: "id",
          paginator: offset({ pageSize: 2 }),
        }),
      },
    }),
  });
}

const record = () => testSource(sourceWith(), { fixtures: dir, mode: "record", env: realEnv() });
const realEnv = () => ({ SHOP_URL: api.url, SHOP_TOKEN: "s3cret-token" });
const replay = (overrides: object = {}, options: object = {}) =>
  testSource(sourceWith(overrides), {
    fixtures: dir,
    env: { SHOP_URL: "https://api.shop.example", SHOP_TOKEN: "none" },
    ...options,
  });

test("what was recorded is read again without the API and without its secrets", async () => {
  const live = await record();
  expect(live["data"]?.records.map(({ data }) => data["id"])).toEqual(api.reference("data").map(({ id }) => id));
  expect(live["items"]?.records.map(({ data }) => data)).toHaveLength(6);
  expect(live["items"]?.records).toContainEqual(expect.objectContaining({ data: { id: 3, order: "o1" } }));
  const asked = api.requests.length;
  const again = await replay();
  expect(api.requests).toHaveLength(asked);
  expect(again["data"]).toEqual(live["data"]);
  expect(again["items"]?.records).toEqual(live["items"]?.records);
  const files = await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name), "utf8")));
  expect(files).toHaveLength(asked);
  expect(files.join()).not.toContain("s3cret-token");
  expect(files.join()).toContain("of [concealed]");
  expect(files.join()).not.toContain(new URL(api.url).host);
});

test.each([
  [
    "a field of another type",
    { schema: schema.extend({ value: z.string() }) },
    /data: item 0: RECORD_INVALID value: expected string/,
  ],
  ["a key that is not there", { schema: schema.extend({ meta: z.unknown() }).required(), key: "kind" }, /KEY_MISSING/],
  ["an order that is not so", { order: "desc" }, /data: order is desc, but ts/],
  ["records that are elsewhere", { records: "data" }, /selector/],
  ["a request that was never recorded", { query: { color: "red" } }, /404/],
])("%s fails the test", async (_, overrides, reason) => {
  await record();
  await expect(replay(overrides)).rejects.toThrow(reason);
});

test("two records of one key fail the test; refused ones are told where they may be", async () => {
  await record();
  const meta = z.object({ batch: z.int() });
  const byBatch = { schema: z.object({ meta }), output: z.object({ batch: z.int() }), key: "batch" };
  const transform = ({ meta }: { meta: { batch: number } }) => meta;
  const failing = replay({ ...byBatch, transform }, { allowsInvalid: true });
  await expect(failing).rejects.toThrow(/data: item 3: the key 0 stands for another record already/);
  const strict = { schema: schema.extend({ value: z.number().max(500) }) };
  const { data } = await replay(strict, { allowsInvalid: true });
  expect(data?.invalid.length).toBeGreaterThan(0);
  expect((data?.invalid.length ?? 0) + (data?.records.length ?? 0)).toBeGreaterThanOrEqual(25);
});

test("an unconfigured source and an empty folder say so", async () => {
  await expect(testSource(sourceWith(), { fixtures: dir })).rejects.toThrow(/SHOP_URL is not set/);
  await expect(replay()).rejects.toThrow(/has no fixtures; record them first/);
});
