import { expect, test } from "vitest";
import { sortableVersion } from "./version.ts";

test("the byte order of sortable numbers is their numeric order", () => {
  const ascending = [
    -Number.MAX_VALUE,
    -1e10,
    -2,
    -1,
    -0.5,
    -Number.MIN_VALUE,
    0,
    Number.MIN_VALUE,
    0.1,
    1,
    2,
    9,
    10,
    1e10,
    Number.MAX_VALUE,
  ];
  const texts = ascending.map((value) => sortableVersion("number", String(value)));
  expect([...texts].sort()).toEqual(texts);
  expect(new Set(texts).size).toBe(texts.length);
});

test("minus zero is zero", () => expect(sortableVersion("number", "-0")).toBe(sortableVersion("number", "0")));

test("timestamps and strings are their own text", () => {
  expect(sortableVersion("timestamp", "2026-01-01T00:00:00.000Z")).toBe("2026-01-01T00:00:00.000Z");
  expect(sortableVersion("string", "v2")).toBe("v2");
});
