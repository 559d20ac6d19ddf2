import type { JsonValue } from "@penstock/core/json";
import { pieceChars } from "@penstock/core/pieces";
import { expect, test } from "vitest";
import { itemsBytes, itemsOf, itemsText } from "./page-items.ts";

const place = { source: "s", stream: "t", seq: 7 };
const records = (count: number, chars: number): JsonValue[] =>
  Array.from({ length: count }, (_, id) => ({ id, note: 'é"\\\n,\n[]'.padEnd(chars, "x") }));

test.each<[string, JsonValue[]]>([
  ["none", []],
  ["one", [{ id: 1 }]],
  ["scalars", [1, "a", null, true, -0.5]],
  ["arrays, which stay what they are", [[], [[1]], ["\n"]]],
  ["records", records(1_000, 200)],
  ["many small ones", Array.from({ length: 100_000 }, (_, i) => i)],
  ["large ones", records(3, 300_000)],
  ["small ones and a large one", [...records(100, 10), ...records(1, 500_000), ...records(1_000, 200)]],
])("items come back: %s", (_, items) => {
  const bytes = itemsBytes(place, items);
  expect(itemsOf(bytes)).toEqual(items);
  expect(JSON.parse(bytes.toString("utf8"))).toEqual(items);
  expect(itemsText(bytes)).toBe(JSON.stringify(items));
});

test("numbers that a double cannot hold come back as they were parsed", () => {
  const items: JsonValue[] = [Number.POSITIVE_INFINITY, { value: Number.NEGATIVE_INFINITY }];
  expect(itemsOf(itemsBytes(place, items))).toEqual(items);
});

test("what was packed without line breaks is read as well", () => {
  const items = records(1_000, 200);
  expect(itemsOf(Buffer.from(JSON.stringify(items)))).toEqual(items);
});

test("pieces are filled, and none is a text that V8 has a page of its own for", () => {
  const sizes = itemsBytes(place, records(5_000, 200))
    .toString("latin1")
    .split("\n")
    .map(({ length }) => length);
  expect(sizes.length).toBeGreaterThan(10);
  for (const size of sizes) expect(size).toBeLessThan(pieceChars * 1.2);
  for (const size of sizes.slice(1, -1)) expect(size).toBeGreaterThan(pieceChars * 0.8);
});

test("items that are nested too deeply are refused, with their place", () => {
  let deep: JsonValue = [];
  for (let level = 0; level < 20_000; level++) deep = [deep];
  expect(() => itemsBytes(place, [deep])).toThrow(
    expect.objectContaining({ code: "BODY_TOO_DEEP", message: expect.stringContaining("page 7 of s.t") }),
  );
});
