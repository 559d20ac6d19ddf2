import { describe, expect, test } from "vitest";
import { formatInstant, instantAfter, instantBefore, instantFormatOf, instantOf, isoMilliseconds } from "./instant.ts";

describe("instantOf", () => {
  test.each([
    ["2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31T12:00Z", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31T12:00:00", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31 12:00:00", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31 12:00:00.5", "2026-01-31T12:00:00.500Z"],
    ["2026-01-31", "2026-01-31T00:00:00.000Z"],
    ["2026-01-31T12:00:00.123999Z", "2026-01-31T12:00:00.123Z"],
    ["1960-01-31T12:00:00.123999Z", "1960-01-31T12:00:00.123Z"],
    ["2026-01-31T14:00:00+02:00", "2026-01-31T12:00:00.000Z"],
    ["2026-01-31T14:00:00+0200", "2026-01-31T12:00:00.000Z"],
    [1_769_860_800, "2026-01-31T12:00:00.000Z"],
    [1_769_860_800.25, "2026-01-31T12:00:00.250Z"],
    [1_769_860_800_123, "2026-01-31T12:00:00.123Z"],
    [0, "1970-01-01T00:00:00.000Z"],
    [-1.5, "1969-12-31T23:59:58.500Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
  ])("%s", (value, expected) => expect(instantOf(value)).toBe(expected));

  test.each([
    "",
    "yesterday",
    "2026",
    "1769860800",
    "2026-02-30T00:00:00Z",
    "2025-02-29",
    "2026-13-01T00:00:00.000Z",
    "2026-01-31T25:00:00.000Z",
    "0000-01-01T00:00:00.000Z",
  ])("%s is no time", (value) => expect(instantOf(value)).toBeNull());

  test.each([
    null,
    undefined,
    true,
    {},
    [],
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1e300,
    253_402_300_800_000,
    "31.01.2026",
    "2026-01-31T12:00:00 CET",
  ])("%s is no time either", (value) => expect(instantOf(value)).toBeNull());
});

test("what is written is read as the same instant", () => {
  for (const value of [
    "2026-01-31T12:00:00.250Z",
    "2026-01-31 12:00:00",
    "2026-01-31T12:00:00+00:00",
    1_769_860_800,
    1_769_860_800.5,
    1_769_860_800_123,
  ]) {
    const format = instantFormatOf(value);
    const instant = instantOf(value);
    if (format === null || instant === null) throw new Error(`${value} is no time`);
    const text = formatInstant(instant, format);
    expect(instantOf(typeof value === "number" ? Number(text) : text)).toBe(instant);
    expect(instantFormatOf(typeof value === "number" ? Number(text) : text)).toEqual(format);
  }
  expect(instantFormatOf("yesterday")).toBeNull();
});

test("the instants before and after are one step of the resolution away, and never the same", () => {
  const seconds = { kind: "epoch-seconds", isWhole: true } as const;
  expect(instantBefore("2026-01-01T00:00:00.000Z", isoMilliseconds)).toBe("2025-12-31T23:59:59.999Z");
  expect(instantBefore("2026-01-01T00:00:00.000Z", seconds)).toBe("2025-12-31T23:59:59.000Z");
  expect(instantBefore("2026-01-01T00:00:00.250Z", seconds)).toBe("2026-01-01T00:00:00.000Z");
  expect(instantAfter("2026-01-01T00:00:00.250Z", seconds)).toBe("2026-01-01T00:00:01.000Z");
  expect(instantAfter("2026-01-01T00:00:00.250Z", isoMilliseconds)).toBe("2026-01-01T00:00:00.251Z");
});
