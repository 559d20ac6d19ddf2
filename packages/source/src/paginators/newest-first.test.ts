import { isJsonObject, type JsonValue } from "@penstock/core/json";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cursorOn } from "../cursor-field.ts";
import { forStream } from "./newest-first.ts";
import { type Api, walkApi } from "./simulated-api.ts";
import { token } from "./token.ts";

const second = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString();
const cursor = cursorOn({ field: "at", lookback: "10s" });
const paginator = forStream(token({ from: { body: "next" }, to: { query: "after" } }), cursor, "desc");
const cursorOf = (item: JsonValue) => (isJsonObject(item) ? cursor.of(item) : null);

/** Pages of `size`, newest first. */
function api(times: number[], size: number): Api {
  const sorted = times.map((n, i) => ({ id: `r${i}`, at: second(n), n })).sort((a, b) => b.n - a.n);
  return ({ query = {} }) => {
    const from = Number(query["after"] ?? 0);
    return {
      items: sorted.slice(from, from + size),
      body: from + size < times.length ? { next: String(from + size) } : {},
    };
  };
}

test("a run ends at the first whole page older than bound minus lookback", () => {
  const { ids, requests, end } = walkApi(paginator, api([...Array(100).keys()], 4), { bound: second(90), cursorOf });
  expect(end).toBe("end");
  expect(requests).toHaveLength(6);
  expect(ids).toContain("r80");
});

test("the first run reads everything", () => {
  expect(new Set(walkApi(paginator, api([...Array(30).keys()], 4), { cursorOf }).ids).size).toBe(30);
});

test("single older records, pinned or without a time, end nothing", () => {
  const pinned: Api = ({ query = {} }) =>
    query["after"] === undefined
      ? {
          items: [
            { id: "pinned", at: second(0) },
            { id: "new", at: second(99) },
          ],
          body: { next: "1" },
        }
      : { items: [{ id: "undated" }, { id: "old", at: second(0) }], body: {} };
  expect(walkApi(paginator, pinned, { bound: second(90), cursorOf }).ids).toEqual(["pinned", "new", "undated", "old"]);
});

test("whatever is not older than bound minus lookback is seen", () => {
  const times = fc.array(fc.nat(60), { maxLength: 60 });
  fc.assert(
    fc.property(times, fc.nat(60), fc.integer({ min: 1, max: 9 }), (all, bound, size) => {
      const { ids } = walkApi(paginator, api(all, size), { bound: second(bound), cursorOf });
      for (const [i, n] of all.entries()) if (n >= bound - 10) expect(ids).toContain(`r${i}`);
    }),
    { numRuns: 200 },
  );
});
