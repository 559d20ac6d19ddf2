import { isJsonObject, type JsonValue } from "@penstock/core/json";
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { backfillProblem } from "../backfill-problem.ts";
import { cursorOn } from "../cursor-field.ts";
import { defineStream, type StreamOptions } from "../define-source.ts";
import type { Paginator } from "../paginator.ts";
import { keyset } from "./keyset.ts";
import { forStream } from "./newest-first.ts";
import { offset } from "./offset.ts";
import { type Api, walkApi } from "./simulated-api.ts";
import { token } from "./token.ts";
import { timeWindows } from "./windows.ts";

const second = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString();
const cursor = cursorOn({ field: "at" });
const cursorOf = (item: JsonValue) => (isJsonObject(item) ? cursor.of(item) : null);
const secondOf = (text: string) => (Date.parse(text) - Date.UTC(2026, 0, 1)) / 1_000;

/** Sorted by time, `limit` at once, from `since` on, or all. */
function api(times: number[]): Api {
  const sorted = times.map((n, i) => ({ id: `r${i}`, at: second(n), n })).sort((a, b) => a.n - b.n);
  return ({ query = {} }) => {
    const { since, limit = "3" } = query;
    const behind = sorted.filter(({ n }) => since === undefined || n >= secondOf(since));
    return { items: behind.slice(0, Number(limit)) };
  };
}

test("windows side by side bring every record of their span, and each ends soon behind its own", () => {
  const paginator = forStream(keyset({ pageSize: 3 }), cursor, "asc");
  fc.assert(
    fc.property(fc.array(fc.nat(100), { maxLength: 60 }), fc.integer({ min: 5, max: 50 }), (times, length) => {
      const seen = new Set<string>();
      for (let from = 0; from < 101; from += length) {
        const walked = walkApi(paginator, api(times), { bound: second(from), upTo: second(from + length), cursorOf });
        expect(walked.end).toBe("end");
        for (const id of walked.ids) seen.add(id);
      }
      expect(seen.size).toBe(times.length);
    }),
  );
  const all = [...Array(100).keys()];
  const { ids } = walkApi(paginator, api(all), { bound: second(20), upTo: second(30), cursorOf });
  expect(ids).toContain("r20");
  expect(ids).toContain("r29");
  expect(new Set(ids).size).toBeLessThan(20);
});

test("runs that go to the end are as they were", () => {
  const [plain, bounded] = [keyset({ pageSize: 3 }), forStream(keyset({ pageSize: 3 }), cursor, "asc")];
  expect(bounded.start(null)).toEqual(plain.start(null, cursor));
  expect(new Set(walkApi(bounded, api([...Array(20).keys()]), { cursorOf }).ids).size).toBe(20);
});

test("windows of time end where they are told, not now", () => {
  const windows = timeWindows({ start: "2026-01-01", length: "10s", now: () => Date.parse(second(1_000)) });
  const paginator = forStream(windows, cursor, "none");
  const asked = walkApi(paginator, () => ({ items: [] }), { bound: second(20), upTo: second(45), cursorOf }).requests;
  expect(asked.at(-1)?.query?.["to"]).toBe(second(45));
  expect(asked).toHaveLength(3);
});

test("what cannot be fetched by windows says why", () => {
  const schema = z.object({ id: z.string(), at: z.iso.datetime() });
  const problem = (paginator: Paginator, options: Partial<StreamOptions<typeof schema>> = {}) => {
    const stream = {
      path: "/x",
      schema,
      key: "id",
      cursor: { field: "at" },
      order: "asc",
      paginator,
      ...options,
    } as const;
    return backfillProblem({ ...defineStream(stream), name: "x" }, second(0));
  };
  expect(problem(keyset({ pageSize: 3 }))).toBeUndefined();
  expect(problem(timeWindows({ start: "2026-01-01", length: "1d" }), { order: "none" })).toBeUndefined();
  const since = token({ from: { body: "next" }, to: { query: "after" }, since: "since" });
  expect(problem(since)).toBeUndefined();
  expect(problem(since, { order: "desc" })).toMatch("neither takes an end");
  expect(problem(offset({ pageSize: 10 }))).toMatch("asks for the same whatever the bound is");
  expect(problem(since, { writeMode: "replace", cursor: undefined as never })).toMatch("takes the place of all");
  expect(problem(since, { cursor: { field: "id", kind: "string", boundary: "exclusive" } })).toMatch(
    "no cursor that is a time",
  );
});
