import { expect, test } from "vitest";
import { createBulkValues } from "./bulk-values.ts";

test("a name stands for its text once, and nothing else is touched", () => {
  const values = createBulkValues();
  const name = values.nameOf("text");
  expect(values.resolve(["a", name, 1, null])).toEqual(["a", "text", 1, null]);
  expect(() => values.resolve([name])).toThrow(RangeError);
  const bytes = new TextEncoder().encode("text");
  expect(values.resolve([values.nameOf(bytes)])[0]).toBe(bytes);
});

test("names of another connection are text", () => {
  const name = createBulkValues().nameOf("text");
  expect(createBulkValues().resolve([name])).toEqual([name]);
});

test("names of statements that were never sent do not pile up", () => {
  const values = createBulkValues();
  const names = Array.from({ length: 100 }, (_, i) => values.nameOf(`text ${i}`));
  expect(() => values.resolve(names.slice(0, 1))).toThrow(RangeError);
  expect(values.resolve(names.slice(-2))).toEqual(["text 98", "text 99"]);
});
