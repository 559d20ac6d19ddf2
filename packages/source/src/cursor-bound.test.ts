import { expect, test } from "vitest";
import { boundOf } from "./cursor-bound.ts";
import { cursorOn } from "./cursor-field.ts";

test("a bound that a person writes is that of the stream's cursor, or none", () => {
  const time = { cursor: cursorOn({ field: "at" }) };
  expect(boundOf(time, "2026-01-31")).toBe("2026-01-31T00:00:00.000Z");
  expect(boundOf(time, "2026-01-31T12:00:00+02:00")).toBe("2026-01-31T10:00:00.000Z");
  expect(boundOf(time, "yesterday")).toBeNull();
  const number = { cursor: cursorOn({ field: "id", kind: "number" }) };
  expect([boundOf(number, "42"), boundOf(number, "x"), boundOf(number, " ")]).toEqual(["42", null, null]);
  const compound = { cursor: cursorOn({ field: "at", thenBy: [{ field: "id", kind: "number" }] }) };
  expect(boundOf(compound, '["2026-01-31T00:00:00.000Z",7]')).toBe('["2026-01-31T00:00:00.000Z",7]');
  expect([boundOf(compound, "7"), boundOf(compound, "[]"), boundOf(compound, "{")]).toEqual([null, null, null]);
  expect(boundOf({ cursor: undefined }, "1")).toBeNull();
});
