import { expect, test } from "vitest";
import { parseFailures, withoutFailures } from "./failure-points.ts";

test("failures are read in the order they are written", () => {
  expect(parseFailures("transform.committed:3:kill, fetch.answered:1:delay=250")).toEqual([
    { point: "transform.committed", nth: 3, action: { kind: "kill" } },
    { point: "fetch.answered", nth: 1, action: { kind: "delay", delayMs: 250 } },
  ]);
});

test.each([
  "",
  "transform.committed",
  "transform.committed:3",
  "nowhere:1:kill",
  "fetch.answered:1:explode",
  "toString:1:kill",
])("%j is no plan", (text) => {
  expect(parseFailures(text)).toBeUndefined();
});

test("without a plan nothing is waited for", () => {
  expect(withoutFailures("fetch.begun")).toBeUndefined();
});
