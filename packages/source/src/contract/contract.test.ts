import { codeOf } from "@penstock/core/decision";
import { createDriftTally, type Drift } from "@penstock/core/drift";
import type { JsonValue } from "@penstock/core/json";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineStream } from "../define-source.ts";
import type { ContractOption } from "./contract-option.ts";

const line = z.object({ sku: z.string(), price: z.number() });
const schema = z.object({
  id: z.int(),
  status: z.enum(["open", "paid"]),
  lines: z.array(line).optional(),
  tags: z.array(z.string()).default([]),
  owner: z.object({ name: z.string() }).nullable(),
  any: z.record(z.string(), z.unknown()).optional(),
});
const fits = { id: 1, status: "open", owner: { name: "ada" }, lines: [{ sku: "a", price: 1 }] };

function convert(item: JsonValue, contract: ContractOption) {
  const stream = defineStream({ path: "/", key: "id", schema, contract });
  const drift: Drift[] = [];
  const context = {
    source: "s",
    stream: "t",
    fetchedAt: new Date(0),
    parent: {},
    onDrift: (one: Drift) => drift.push(one),
  };
  try {
    const { outputs, extra } = stream.convert(item, context);
    return { outputs, extra, drift };
  } catch (error) {
    return { code: codeOf(error), drift };
  }
}

test("what fits is no drift, and neither is what a schema leaves open", () => {
  expect(convert({ ...fits, any: { whatever: { there: "is" } } }, "freeze")).toMatchObject({
    drift: [],
    extra: undefined,
  });
});

test("new fields are found wherever the schema says which there are, and are named for all elements of a list", () => {
  const item = {
    ...fits,
    owner: { name: "ada", age: 36 },
    lines: [
      { sku: "a", price: 1, note: null },
      { sku: "b", price: 2, note: [] },
    ],
  };
  const found = convert(item, "evolve");
  expect(found.extra).toEqual({ "owner.age": 36, "lines.0.note": null, "lines.1.note": [] });
  expect(found.outputs).toEqual([
    {
      ...fits,
      owner: { name: "ada" },
      lines: [
        { sku: "a", price: 1 },
        { sku: "b", price: 2 },
      ],
      tags: [],
    },
  ]);
  expect(found.drift.map(({ path, came }) => `${path} ${came}`)).toEqual([
    "owner.age integer",
    "lines[].note null",
    "lines[].note list",
  ]);
  expect(convert(item, "discard")).toMatchObject({ extra: undefined, outputs: [{ owner: { name: "ada" } }] });
  expect(convert(item, { newField: "quarantine" })).toMatchObject({ code: "FIELD_UNEXPECTED" });
});

test("a value of another type is taken out of the record, a list's element with its list", () => {
  const item = { ...fits, tags: ["a", 2], lines: [{ sku: "a", price: "1,50" }] };
  const evolved = convert(item, { changedType: "evolve" });
  expect(evolved.extra).toEqual({ tags: ["a", 2], "lines.0.price": "1,50" });
  expect(evolved.outputs).toEqual([{ ...fits, tags: [], lines: [{ sku: "a" }] }]);
  expect(evolved.drift).toMatchObject([
    { kind: "changedType", action: "evolve", path: "lines[].price", expected: "number", came: "string" },
    { kind: "changedType", action: "evolve", path: "tags[]", expected: "string", came: "integer" },
  ]);
  expect(convert(item, { changedType: "discard" })).toMatchObject({ extra: undefined, outputs: [{ tags: [] }] });
  expect(convert({ ...fits, owner: 7 }, { changedType: "evolve" })).toMatchObject({ extra: { owner: 7 } });
});

test("a new value stays in its place when it evolves", () => {
  const item = { ...fits, status: "void" };
  expect(convert(item, { newValue: "evolve" })).toMatchObject({ outputs: [{ status: "void" }], extra: undefined });
  const discarded = convert(item, { newValue: "discard" });
  expect(discarded.outputs?.[0]).not.toHaveProperty("status");
  expect(convert({ ...fits, status: 3 }, { newValue: "evolve" })).toMatchObject({
    code: "RECORD_INVALID",
    drift: [{ kind: "changedType" }],
  });
});

test("what is no drift is refused whatever the contract says, and so is a record without its key", () => {
  expect(convert({ ...fits, id: 1e300 }, "evolve")).toMatchObject({ code: "RECORD_INVALID" });
  expect(convert("no record", "evolve")).toMatchObject({ code: "RECORD_INVALID", drift: [] });
});

test("the strictest action of a record's drift decides, and all of it is counted", () => {
  const item = { ...fits, more: 1, status: "void" };
  expect(convert(item, { newValue: "freeze" })).toMatchObject({ code: "SCHEMA_FROZEN", drift: [{ path: "more" }, {}] });
  expect(convert(item, { newField: "discard" })).toMatchObject({ code: "RECORD_INVALID", drift: [{}, {}] });
});

test("one kind of drift that is let through lets no other through", () => {
  const { owner: _owner, ...ownerless } = fits;
  expect(convert(ownerless, { missingField: "evolve" })).toMatchObject({ outputs: [{ id: 1 }] });
  expect(convert({ ...fits, owner: 7 }, { missingField: "evolve" })).toMatchObject({ code: "RECORD_INVALID" });
});

test("what a transform makes of a record that drifted need not fit its output either", () => {
  const stream = defineStream({
    path: "/",
    key: "id",
    schema,
    output: z.object({ id: z.int(), owner: z.string(), status: z.enum(["open", "paid"]) }),
    transform: ({ id, owner, status }) => ({ id, owner: owner?.name ?? "nobody", status }),
    contract: { newValue: "evolve" },
  });
  const context = { source: "s", stream: "t", fetchedAt: new Date(0), parent: {}, onDrift: () => {} };
  expect(stream.convert({ ...fits, status: "void" }, context)).toMatchObject({ outputs: [{ status: "void" }] });
});

test("of many paths fifty are counted by name", () => {
  const tally = createDriftTally();
  const drift = { kind: "newField", action: "evolve", expected: "nothing", came: "integer" } as const;
  for (const round of [1, 2])
    for (let i = 0; i < 400; i += 1) tally.add({ ...drift, path: `f${i}`, came: `${round > 0 && "integer"}` });
  const counts = tally.counts();
  expect(counts).toHaveLength(51);
  expect(counts.find(({ path }) => path === "f0")).toMatchObject({ records: 2 });
  expect(counts.find(({ path }) => path === "…")).toMatchObject({ records: 700 });
});
