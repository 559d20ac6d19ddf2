import { expect, test } from "vitest";
import { choiceOf, lettersHref, readLetterFilter } from "./letter-filter.ts";

test("an address and its filter lead to each other", () => {
  const filter = {
    status: "any",
    source: "a",
    stream: "b",
    code: "KEY_MISSING",
    stage: "transform",
    text: "x y",
  } as const;
  const href = lettersHref(filter);
  expect(readLetterFilter(new URLSearchParams(href.split("?")[1]))).toEqual(filter);
});

test("open letters need not be named, and what is unknown is not taken", () => {
  expect(lettersHref({ status: "open" })).toBe("/dead-letters");
  expect(readLetterFilter(new URLSearchParams("status=lost&stage=sink&source="))).toEqual({ status: "open" });
});

test("an action is on the letters of the filter", () => {
  expect(choiceOf({ status: "open", source: "a", code: "X" })).toEqual({ source: "a", code: "X" });
});
