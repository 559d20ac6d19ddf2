import { expect, test } from "vitest";
import { jsonPathReader } from "./json-path.ts";

test("reads fields and array items, and nothing that is not the value's own", () => {
  const body = { data: { items: [{ id: 1 }, { id: 2 }] }, text: "abc" };
  expect(jsonPathReader("data.items.1.id")(body)).toBe(2);
  expect(jsonPathReader("text")(body)).toBe("abc");
  for (const path of [
    "missing",
    "data.missing.id",
    "data.items.7",
    "text.length",
    "constructor",
    "data.constructor.name",
    "__proto__",
  ]) {
    expect(jsonPathReader(path)(body)).toBeUndefined();
  }
  expect(jsonPathReader("data")(null)).toBeUndefined();
});
