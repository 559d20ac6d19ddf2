import { expect, test } from "vitest";
import { filterOf, requireChoice, statusOf } from "./letter-filter.ts";

const limit = "10";

test("every option is a filter", () => {
  const options = { stream: "s.t", code: "RECORD_INVALID", stage: "fetch", since: "2026-01-31", run: "r", text: "x" };
  expect(filterOf(["a"], { ...options, limit }, "open")).toEqual({
    ids: ["a"],
    source: "s",
    stream: "t",
    code: "RECORD_INVALID",
    stage: "fetch",
    since: new Date("2026-01-31"),
    runId: "r",
    text: "x",
    status: "open",
    limit: 10,
  });
  expect(filterOf([], { source: "s", limit }, undefined)).toEqual({ source: "s", limit: 10 });
  expect(filterOf([], { stream: "s.t.u", limit }, undefined)).toEqual({ source: "s", stream: "t.u", limit: 10 });
  const since = filterOf([], { since: "2h", limit }, undefined).since?.getTime() ?? 0;
  expect(Math.abs(Date.now() - 7_200_000 - since)).toBeLessThan(60_000);
});

test("what no letter can have is refused, with the nearest that one can", () => {
  expect(() => statusOf("opne")).toThrow('did you mean "open"?');
  expect(() => statusOf("zzzzzz")).toThrow("there are: open, redriving, resolved, discarded, any");
  expect(() => filterOf([], { code: "RECORD_INVALD", limit }, "open")).toThrow('did you mean "RECORD_INVALID"?');
  expect(() => filterOf([], { stage: "fetsh", limit }, "open")).toThrow('did you mean "fetch"?');
  expect(() => filterOf([], { since: "yesterday", limit }, "open")).toThrow("--since");
  expect(() => filterOf([], { limit: "0" }, "open")).toThrow("--limit");
  expect([statusOf(undefined), statusOf("any"), statusOf("resolved")]).toEqual(["open", undefined, "resolved"]);
});

test("nobody changes all letters by leaving out which", () => {
  expect(() => requireChoice("redrive", [], { limit })).toThrow("dead-letters redrive needs ids");
  expect(() => requireChoice("redrive", [], { limit, since: "1h" })).not.toThrow();
  expect(() => requireChoice("redrive", ["id"], { limit })).not.toThrow();
});
