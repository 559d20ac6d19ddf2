import { ConfigError } from "@penstock/core/errors";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineStream } from "./define-source.ts";
import { schemaVersion, viewColumns } from "./view-columns.ts";

const streamOf = (schema: z.ZodObject) => ({ ...defineStream({ path: "/", schema, key: [] }), name: "things" });

test("every type has its column, nullable, optional and defaulted ones too", () => {
  const schema = z.object({
    text: z.string(),
    url: z.url().nullable(),
    choice: z.enum(["a", "b"]).optional(),
    count: z.int().nullable().default(null),
    share: z.number(),
    is_open: z.boolean().nullish(),
    at: z.iso.datetime().nullable(),
    day: z.iso.date(),
    tags: z.array(z.string()),
    address: z.object({ city: z.string(), place: z.object({ lat: z.number() }).nullable() }).optional(),
    bag: z.looseObject({ city: z.string() }),
    empty: z.object({}),
    mixed: z.union([z.string(), z.number()]),
    any: z.unknown(),
    json: z.json(),
    kind: z.literal("x"),
  });
  expect(viewColumns(streamOf(schema)).map(({ name, type }) => `${name} ${type}`)).toEqual([
    "text text",
    "url text",
    "choice text",
    "count integer",
    "share real",
    "is_open boolean",
    "at timestamp",
    "day text",
    "tags json",
    "address_city text",
    "address_place_lat real",
    "bag json",
    "empty json",
    "mixed json",
    "any json",
    "json json",
    "kind text",
  ]);
});

test("a column knows where its field is, and one that a nested field would take is refused", () => {
  const nested = { owner: z.object({ name: z.string() }) };
  expect(viewColumns(streamOf(z.object(nested)))).toEqual([
    { name: "owner_name", type: "text", path: ["owner", "name"] },
  ]);
  const taken = z.object({ ...nested, owner_name: z.string() });
  expect(() => viewColumns(streamOf(taken))).toThrow(/owner_name has the name of column owner_name/);
});

test("names that SQL takes for the same are refused, and that of the column the view adds", () => {
  expect(() => viewColumns(streamOf(z.object({ id: z.string(), ID: z.string() })))).toThrow(
    /ID has the name of column id/,
  );
  expect(() => viewColumns(streamOf(z.object({ Fetched_At: z.string() })))).toThrow(ConfigError);
});

test("a type that JSON cannot hold is refused", () => {
  expect(() => viewColumns(streamOf(z.object({ at: z.date() })))).toThrow(
    /stream things: the output schema has a type that JSON cannot hold: Date/,
  );
});

test("the fingerprint changes with the schema and with nothing else", () => {
  const fingerprint = (schema: z.ZodObject) => schemaVersion(streamOf(schema)).fingerprint;
  expect(fingerprint(z.object({ a: z.string() }))).toBe(fingerprint(z.object({ a: z.string() })));
  expect(fingerprint(z.object({ a: z.string() }))).not.toBe(fingerprint(z.object({ a: z.string().nullable() })));
  const { input, output } = schemaVersion(streamOf(z.object({ a: z.string().default("") }))).jsonSchema;
  expect(input).not.toHaveProperty("required");
  expect(output).toMatchObject({ type: "object", properties: { a: { type: "string" } }, required: ["a"] });
});
