import { expect, test } from "vitest";
import { z } from "zod";
import { bearer } from "./auth.ts";
import { defineSource, defineStream } from "./define-source.ts";
import { keyset } from "./paginators/keyset.ts";

const schema = z.object({ id: z.string(), at: z.string(), price: z.number() });
const output = z.object({ id: z.string(), at: z.iso.datetime(), cents: z.int() });
const base = { path: "/orders", key: "id" } as const;

test("without transform the records are stored as the schema gives them", () => {
  const stream = defineStream({ ...base, schema });
  expect(stream.output).toBe(schema);
  expect(stream).toMatchObject({
    key: ["id"],
    order: "none",
    cursor: undefined,
    schedule: undefined,
    deadLetterBudget: { kind: "share", most: 0.5 },
  });
  const context = { source: "s", stream: "t", fetchedAt: new Date(0), parent: {}, onDrift: () => {} };
  expect(stream.convert({ id: "a", at: "x", price: 1, more: true }, context)).toEqual({
    outputs: [{ id: "a", at: "x", price: 1 }],
    extra: { more: true },
  });
});

test("a source with an environment is configured by it", () => {
  const definition = defineSource({
    name: "shop",
    environment: z.object({ SHOP_TOKEN: z.string() }),
    define: (env) => ({
      baseUrl: "https://shop.example",
      auth: bearer(env.SHOP_TOKEN),
      streams: { orders: defineStream({ ...base, schema }) },
    }),
  });
  expect(definition.configure({})).toEqual({ isConfigured: false, problems: ["SHOP_TOKEN is not set"] });
  const configured = definition.configure({ SHOP_TOKEN: "t" });
  if (!configured.isConfigured) throw new Error("not configured");
  expect(configured.source).toMatchObject({
    name: "shop",
    auth: { kind: "bearer" },
    timeouts: { connectMs: 30_000, headersMs: 30_000, bodyMs: 30_000, totalMs: 120_000 },
    concurrency: 4,
  });
  expect(configured.source.streams["orders"]?.name).toBe("orders");
  expect(JSON.stringify(configured.source)).not.toContain('"t"');
});

test("a source without one is always configured", () => {
  const definition = defineSource({
    name: "shop",
    baseUrl: "https://shop.example",
    streams: { orders: defineStream({ ...base, schema }) },
  });
  expect(definition.configure({}).isConfigured).toBe(true);
});

test("types reach from the schema to the transform, from the output to key and version", () => {
  const streams = [
    defineStream({
      ...base,
      schema,
      output,
      paginator: keyset({ pageSize: 10 }),
      cursor: { field: "at" },
      eventTime: "at",
      version: { field: "at", kind: "timestamp" },
      transform: (order, { fetchedAt }) => {
        const price: number = order.price;
        const year: number = fetchedAt.getFullYear();
        // @ts-expect-error: the schema has no such field
        const missing: unknown = order.amount;
        return year < 0 || missing !== undefined ? null : { id: order.id, at: order.at, cents: price * 100 };
      },
    }),
    defineStream({ ...base, schema, output, transform: ({ id, at }) => [{ id, at, cents: 1 }] }),
    // @ts-expect-error: the output wants cents
    defineStream({ ...base, schema, output, transform: ({ id, at }) => ({ id, at }) }),
    // @ts-expect-error: cents are a number
    defineStream({ ...base, schema, output, transform: ({ id, at }) => ({ id, at, cents: "1" }) }),
    // @ts-expect-error: the output has no such field
    defineStream({ path: "/orders", key: "price", schema, output, transform: ({ id, at }) => ({ id, at, cents: 1 }) }),
    // @ts-expect-error: nor this one
    defineStream({ ...base, eventTime: "created", schema }),
    // @ts-expect-error: an output needs a transform
    defineStream({ ...base, schema, output }),
    // @ts-expect-error: without a transform the schema must be an object
    defineStream({ ...base, schema: z.string() }),
  ];
  expect(streams).toHaveLength(8);

  defineSource({
    name: "shop",
    environment: z.object({ SHOP_PAGE: z.coerce.number() }),
    // @ts-expect-error: no such variable
    define: (env) => ({ baseUrl: env.SHOP_URL, streams: {} }),
  });
});
