import { expect, test } from "vitest";
import { describeValue, escapeExcerpt } from "./describe-value.ts";

test.each([
  [undefined, "nothing"],
  [null, "null"],
  ["12,5", 'string "12,5"'],
  [12.5, "number 12.5"],
  [true, "boolean true"],
  [[1, 2], "array of 2"],
  [{}, "object with no fields"],
  [{ mag: 1, place: 2 }, "object with mag, place"],
])("%j", (value, expected) => expect(describeValue(value)).toBe(expected));

test("an excerpt is short and harmless", () => {
  const escaped = escapeExcerpt('\u001b[31m"<html>\n\\\u202e');
  expect(escaped).toBe('\\u{1b}[31m\\"<html>\\n\\\\\\u{202e}');
  expect(escapeExcerpt("x".repeat(200))).toBe(`${"x".repeat(80)}…`);
});
