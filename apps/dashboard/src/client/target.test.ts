import { expect, test } from "vitest";
import { targetOf } from "./target.ts";

test("parameters are escaped", () => {
  expect(targetOf("/v1/records/{source}/{stream}/{key}", { source: "a", stream: "b", key: "x/ü?" })).toBe(
    "/v1/records/a/b/x%2F%C3%BC%3F",
  );
});

test("a query leaves out what is empty and repeats lists", () => {
  const query = { source: "a", stream: undefined, text: "", where: ["m:gte:5", "p:eq:x&y"] };
  expect(targetOf("/v1/records", {}, query)).toBe("/v1/records?source=a&where=m%3Agte%3A5&where=p%3Aeq%3Ax%26y");
});
