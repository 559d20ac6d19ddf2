import { InvalidRecordError } from "@penstock/core/errors";
import { contentHash } from "@penstock/core/hash";
import type { JsonValue } from "@penstock/core/json";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineSource, defineStream, type StreamDefinition } from "./define-source.ts";
import { instant } from "./instant-schema.ts";
import { bestEffortKey, createTransformer } from "./transform.ts";

const fetchedAt = new Date("2026-02-01T00:00:00Z");

const orders = defineStream({
  path: "/orders",
  schema: z.object({
    id: z.string(),
    at: instant(),
    total: z.number(),
    revision: z.number().optional(),
    meta: z.unknown().optional(),
  }),
  output: z.object({
    id: z.string(),
    at: z.iso.datetime(),
    cents: z.number(),
    revision: z.number().optional(),
    meta: z.unknown().optional(),
  }),
  transform: ({ total, ...rest }) => {
    if (total === 0) return null;
    if (total === -1) throw new Error("no negative totals");
    const order = { ...rest, cents: total * 100 };
    return total === 2 ? [order, { ...order, id: `${order.id}-copy` }] : order;
  },
  key: "id",
  cursor: { field: "at" },
  eventTime: "at",
  version: { field: "revision", kind: "number" },
});

function transformerOf(stream: StreamDefinition) {
  const configured = defineSource({
    name: "shop",
    baseUrl: "https://shop.example",
    streams: { orders: stream },
  }).configure({});
  if (!configured.isConfigured) throw new Error("not configured");
  const [named] = Object.values(configured.source.streams);
  if (named === undefined) throw new Error("no stream");
  return {
    stream: named,
    transform: (item: JsonValue) => createTransformer(configured.source, named)(item, { fetchedAt }),
  };
}

const { stream, transform } = transformerOf(orders);
const order = { id: "o1", at: "2026-01-31T12:00:00Z", total: 5 };

function refusal(item: JsonValue, transformItem = transform): InvalidRecordError {
  try {
    transformItem(item);
  } catch (error) {
    if (error instanceof InvalidRecordError) return error;
    throw error;
  }
  throw new Error("the item was accepted");
}

test("a record becomes its row", () => {
  const data = '{"at":"2026-01-31T12:00:00.000Z","cents":500,"id":"o1","meta":{"a":1,"b":2}}';
  const row = { key: "o1", ts: "2026-01-31T12:00:00.000Z", version: null, data };
  expect(transform({ ...order, meta: { b: 2, a: 1 } })).toEqual({
    kind: "records",
    cursor: "2026-01-31T12:00:00.000Z",
    records: [{ ...row, hash: contentHash(data) }],
  });
  const extra = '{"note":"kept"}';
  expect(transform({ ...order, meta: { b: 2, a: 1 }, note: "kept" })).toMatchObject({
    records: [{ ...row, extra, hash: contentHash(`${data}\n${extra}`) }],
  });
});

test("one may become several, or none on purpose", () => {
  expect(transform({ ...order, total: 2 })).toMatchObject({ records: [{ key: "o1" }, { key: "o1-copy" }] });
  expect(transform({ ...order, total: 0 })).toMatchObject({ kind: "filtered" });
});

test("versions sort as the numbers they are", () => {
  const versions = [-5, 0, 9, 10, 1e9].map((revision) => {
    const made = transform({ ...order, revision });
    return made.kind === "records" ? made.records[0]?.version : undefined;
  });
  expect(versions).toEqual(versions.toSorted());
  expect(new Set(versions).size).toBe(5);
});

describe("what is wrong is named", () => {
  test.each<[string, JsonValue, string, string]>([
    [
      "a field of another type",
      { ...order, total: "5" },
      "RECORD_INVALID",
      'total: expected number, received string "5"',
    ],
    ["no key", { at: order.at, total: 5 }, "KEY_MISSING", "id: expected string, received nothing"],
    ["a null key", { ...order, id: null }, "KEY_MISSING", "id: expected string, received null"],
    ["an empty key", { ...order, id: "" }, "KEY_MISSING", "id: expected text or a safe integer, received empty text"],
    [
      "a key of another type",
      { ...order, id: { a: 1 } },
      "RECORD_INVALID",
      "id: expected string, received object with a",
    ],
    ["no time", { id: "o1", total: 5 }, "CURSOR_INVALID", "at: "],
    [
      "a time that is none",
      { ...order, at: "soon" },
      "CURSOR_INVALID",
      'at: expected a time (ISO 8601 or an epoch number), received string "soon"',
    ],
    ["a throwing transform", { ...order, total: -1 }, "TRANSFORM_FAILED", "the transform threw: no negative totals"],
    [
      "an output that does not fit",
      { ...order, total: 1e307 },
      "OUTPUT_INVALID",
      "cents: expected number, received number Infinity",
    ],
    ["null", null, "RECORD_INVALID", "the record: expected object, received null"],
    ["an array", [order], "RECORD_INVALID", "the record: expected object, received array of 1"],
    ["text", "o1", "RECORD_INVALID", 'the record: expected object, received string "o1"'],
  ])("%s", (_, item, code, message) => {
    const error = refusal(item);
    expect(error).toMatchObject({
      code,
      message: expect.stringContaining(message),
      details: { source: "shop", stream: "orders" },
    });
  });

  test("three problems at most, the first as details", () => {
    const error = refusal({ total: "x", revision: "y", meta: 1 });
    expect(error.details).toMatchObject({ path: "id", expected: "string", received: "nothing" });
    expect(error.message.split(";")).toHaveLength(4);
    expect(error.message).toMatch(/; and 1 more$/);
  });
});

test("a record without cursor value is refused even where the schema does not look at it", () => {
  const loose = transformerOf(
    defineStream({ path: "/x", schema: z.object({ id: z.string() }), key: "id", cursor: { field: "meta.changed" } }),
  );
  expect(loose.transform({ id: "a", meta: { changed: "2026-01-31" } })).toMatchObject({ kind: "records" });
  const error = refusal({ id: "a", meta: { changed: "soon" } }, loose.transform);
  expect(error).toMatchObject({
    code: "CURSOR_INVALID",
    message: 'meta.changed: expected timestamp, received string "soon"',
  });
});

describe("hostile input", () => {
  test("a field called __proto__ is stored as it came and pollutes nothing", () => {
    const made = transform(
      JSON.parse(
        '{"id":"o1","at":"2026-01-31","total":5,"meta":{"__proto__":{"polluted":1},"constructor":2},"__proto__":{"x":1}}',
      ),
    );
    expect(made).toMatchObject({
      records: [{ data: expect.stringContaining('"meta":{"__proto__":{"polluted":1},"constructor":2}') }],
    });
    expect({}).not.toHaveProperty("polluted");
  });

  test("a number that is no finite one is refused, not stored as null", () => {
    const error = refusal(JSON.parse('{"id":"o1","at":"2026-01-31","total":5,"meta":{"deep":[1e400]}}'));
    expect(error).toMatchObject({ code: "RECORD_INVALID", message: expect.stringContaining("Infinity") });
    expect(refusal(JSON.parse('{"id":"o1","at":"2026-01-31","total":1e400}')).code).toBe("RECORD_INVALID");
  });

  test("what is nested too deeply is refused, and nothing breaks", () => {
    const deep = JSON.parse(
      `{"id":"o1","at":"2026-01-31","total":5,"meta":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    );
    expect(refusal(deep)).toMatchObject({
      code: "RECORD_INVALID",
      message: expect.stringContaining("nested too deeply"),
    });
  });

  test("keys that databases would refuse or fold together are refused", () => {
    for (const id of ["a\0b", "\ud800", "x".repeat(1_001)])
      expect(refusal({ ...order, id }).code).toBe("RECORD_INVALID");
    expect(transform({ ...order, id: "😀" })).toMatchObject({ records: [{ key: "😀" }] });
  });

  test("half a surrogate pair and NUL in other text stay JSON", () => {
    const made = transform({ ...order, meta: "\ud800\0" });
    expect(made).toMatchObject({ records: [{ data: expect.stringContaining('"meta":"\\ud800\\u0000"') }] });
  });
});

describe("keys", () => {
  const lines = transformerOf(
    defineStream({ path: "/lines", schema: z.object({ order: z.string(), line: z.number() }), key: ["order", "line"] }),
  );

  test("of several fields keep them apart", () => {
    const keyOf = (order: string, line: number) => {
      const made = lines.transform({ order, line });
      return made.kind === "records" ? made.records[0]?.key : undefined;
    };
    expect(keyOf("a", 1)).toBe('["a","1"]');
    expect(keyOf('a","1', 1)).not.toBe(keyOf("a", 1));
  });

  test("a number that a double cannot hold is no key", () => {
    expect(refusal({ order: "a", line: 1e21 }, lines.transform).code).toBe("RECORD_INVALID");
    expect(refusal({ order: "a", line: 1.5 }, lines.transform).code).toBe("RECORD_INVALID");
  });

  test("are read from anything as far as they can be", () => {
    expect(
      [order, { id: 7 }, { id: "" }, { id: null }, {}, null, [], "x"].map((item) => bestEffortKey(stream, item)),
    ).toEqual(["o1", "7", null, null, null, null, null, null]);
    expect(bestEffortKey(lines.stream, { order: "a", line: 1 })).toBe('["a","1"]');
    expect(bestEffortKey(lines.stream, { order: "a" })).toBeNull();
  });
});
