import { expect, test } from "vitest";
import { canonicalJson, isJsonObject, type JsonValue, jsonText } from "./json.ts";

test("canonical text does not depend on the order of fields, at any depth", () => {
  expect(canonicalJson({ b: 1, a: { d: [{ z: 1, y: 2 }], c: null } })).toBe(
    '{"a":{"c":null,"d":[{"y":2,"z":1}]},"b":1}',
  );
  expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }));
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});

test.each([2, 5, 32, 33, 100])("%d fields come in code-unit order, whatever order they are given in", (count) => {
  const fields = Array.from({ length: count }, (_, i) => `${"\u{1F4A7}zÄ_Aa"[i % 6]}${(7 * i) % count}`);
  const inOrder = [...fields].sort();
  for (const given of [fields, fields.toReversed(), inOrder, inOrder.toReversed()]) {
    const text = canonicalJson(Object.fromEntries(given.map((field) => [field, 0])));
    expect(text).toBe(`{${inOrder.map((field) => `${JSON.stringify(field)}:0`).join(",")}}`);
  }
});

test("text gives the value back, where JSON.stringify makes null of it", () => {
  const value: JsonValue = JSON.parse('{"a":[1e400,-1e400,"1e400",null,-0.5],"b":{"__proto__":1e999}}');
  expect(jsonText(value)).toBe('{"a":[1e999,-1e999,"1e400",null,-0.5],"b":{"__proto__":1e999}}');
  expect(JSON.parse(jsonText(value))).toEqual(value);
  expect(jsonText({ plain: [1, "x"] })).toBe('{"plain":[1,"x"]}');
});

test("a field called __proto__ stays a field", () => {
  const hostile = JSON.parse('{"z":1,"__proto__":{"polluted":true}}');
  expect(canonicalJson(hostile)).toBe('{"__proto__":{"polluted":true},"z":1}');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("gives the text that JSON.stringify gives for sorted fields", () => {
  const value = { a: '\u0000\n"\\é\ud800', b: [1, -0, 1e21, 1e-7, true, null, []], c: {}, d: undefined };
  expect(canonicalJson(value)).toBe(JSON.stringify(value));
});

test.each([JSON.parse("1e400"), Number.NaN, 1n, undefined, Symbol("x"), new Date(0), new Map(), () => {}])(
  "%s has no text",
  (value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
    expect(() => canonicalJson({ deep: [{ value: value ?? Number.NaN }] })).toThrow(TypeError);
  },
);

test("what is nested too deeply throws instead of ending the process", () => {
  const depth = 100_000;
  expect(() => canonicalJson(JSON.parse("[".repeat(depth) + "]".repeat(depth)))).toThrow(RangeError);
});

test("only braces make a JSON object", () => {
  expect([{}, [], null, "x", 1].map(isJsonObject)).toEqual([true, false, false, false, false]);
});
