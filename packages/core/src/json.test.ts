import { expect, test } from "vitest";
import { canonicalJson, isJsonObject } from "./json.ts";

test("canonical text does not depend on the order of fields, at any depth", () => {
  expect(canonicalJson({ b: 1, a: { d: [{ z: 1, y: 2 }], c: null } })).toBe('{"a":{"c":null,"d":[{"y":2,"z":1}]},"b":1}');
  expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }));
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});

test("a field called __proto__ stays a field", () => {
  const hostile = JSON.parse('{"z":1,"__proto__":{"polluted":true}}');
  expect(canonicalJson(hostile)).toBe('{"__proto__":{"polluted":true},"z":1}');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("only braces make a JSON object", () => {
  expect([{}, [], null, "x", 1].map(isJsonObject)).toEqual([true, false, false, false, false]);
});
