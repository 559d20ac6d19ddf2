import { expect, test } from "vitest";
import { bodyFor, countOf } from "./confirmed-choice.ts";

const choice = { source: "usgs", code: "RECORD_INVALID" };

test("all that were shown are acted on, also when they are more than the API would take unasked", () => {
  expect(bodyFor(choice, 5_000, "")).toEqual({ ...choice, limit: 5_000 });
  expect(bodyFor({ ids: ["a"] }, 1, " wrong unit ")).toEqual({ ids: ["a"], limit: 1, reason: "wrong unit" });
});

test("what is too many for one request is said before, not after", () => {
  expect([countOf(10_000), countOf(23_000)]).toEqual([10_000, 10_000]);
  expect(bodyFor(choice, 23_000, "").limit).toBe(10_000);
});
