import { expect, test } from "vitest";
import { readFilter, recordQueryOf } from "./record-filter.ts";

const queryOf = (search: string) => recordQueryOf(readFilter(new URLSearchParams(search)));

test("nothing filled in asks for everything", () => {
  expect(queryOf("tab=records")).toEqual({ order: "key" });
});

test("a condition needs a field and a value", () => {
  expect(queryOf("field=magnitude&comparison=gte&value=5")).toEqual({ order: "key", where: "magnitude:gte:5" });
  expect(queryOf("field=magnitude&comparison=gte")).toEqual({ order: "key" });
  expect(queryOf("value=5")).toEqual({ order: "key" });
});

test("that a field is there needs no value", () => {
  expect(queryOf("field=felt&comparison=exists")).toEqual({ order: "key", where: "felt:exists:true" });
});

test("times are those of whoever looks", () => {
  const from = new Date(2026, 0, 31, 13, 0).toISOString();
  expect(queryOf("from=2026-01-31T13:00&order=-ts&deleted=true&key=a")).toEqual({
    from,
    order: "-ts",
    deleted: "true",
    key: "a",
  });
});

test("an unknown comparison or order is the usual one", () => {
  expect(readFilter(new URLSearchParams("comparison=drop&order=sideways"))).toMatchObject({
    comparison: "eq",
    order: "key",
  });
});
