import { expect, test } from "vitest";
import { fieldsOf, schemaChanges } from "./schema-fields.ts";

const line = { type: "object", properties: { price: { type: "number" } }, required: ["price"] };
const before = {
  type: "object",
  properties: { id: { type: "integer" }, status: { enum: ["open"] }, lines: { type: "array", items: line } },
  required: ["id", "status"],
};

test("fields are listed by path, through lists and alternatives", () => {
  const owner = { anyOf: [{ type: "object", properties: { name: { type: "string" } } }, { type: "null" }] };
  expect(fieldsOf({ ...before, properties: { ...before.properties, owner } })).toEqual([
    { path: "id", type: "integer", isRequired: true },
    { path: "status", type: "open", isRequired: true },
    { path: "lines", type: "array", isRequired: false },
    { path: "lines[].price", type: "number", isRequired: true },
    { path: "owner", type: "object | null", isRequired: false },
    { path: "owner.name", type: "string", isRequired: false },
  ]);
});

test("two schemas are compared field by field", () => {
  const { lines: _lines, ...properties } = before.properties;
  const after = {
    ...before,
    properties: { ...properties, status: { enum: ["open", "paid"] }, note: { type: "string" } },
  };
  expect(schemaChanges("output", fieldsOf(before), fieldsOf(after))).toEqual([
    { side: "output", path: "lines", change: "removed", before: "array, optional" },
    { side: "output", path: "lines[].price", change: "removed", before: "number" },
    { side: "output", path: "status", change: "changed", before: "open", after: "open | paid" },
    { side: "output", path: "note", change: "added", after: "string, optional" },
  ]);
});
