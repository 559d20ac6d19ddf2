import fc from "fast-check";
import { expect, test } from "vitest";
import { type Api, walkApi } from "./simulated-api.ts";
import { timeWindows } from "./windows.ts";

const hour = 3_600_000;
const now = Date.parse("2026-01-31T12:00:00.000Z");
const start = "2026-01-30T00:00:00Z";

type Ends = { from: boolean; to: boolean };

/** Records at the given times; at most `cap` of a window's, the oldest or the newest. */
function api(times: number[], { from, to }: Ends, cap = Number.POSITIVE_INFINITY, newestFirst = false): Api {
  return ({ query = {} }) => {
    const after = Date.parse(query["from"] ?? "");
    const before = Date.parse(query["to"] ?? "");
    const within = times
      .map((at, id) => ({ id, at }))
      .filter(({ at }) => (at > after || (from && at === after)) && (at < before || (to && at === before)))
      .sort((a, b) => (newestFirst ? b.at - a.at : a.at - b.at));
    return { items: within.slice(0, cap) };
  };
}

test("windows from the start up to now, by the API's ends", () => {
  const paginator = timeWindows({ start, length: "12h", format: "iso-seconds", now: () => now });
  const { requests } = walkApi(paginator, () => ({ items: [] }));
  expect(requests.map(({ query }) => query)).toEqual([
    { from: "2026-01-30T00:00:00Z", to: "2026-01-30T12:00:00Z" },
    { from: "2026-01-30T11:59:59Z", to: "2026-01-30T23:59:59Z" },
    { from: "2026-01-30T23:59:58Z", to: "2026-01-31T11:59:58Z" },
    { from: "2026-01-31T11:59:57Z", to: "2026-01-31T12:00:00Z" },
  ]);
});

test("a run from a bound, by days", () => {
  const paginator = timeWindows({
    from: { query: "start_date" },
    to: { query: "end_date" },
    start: "2026-01-01",
    format: "date",
    length: "30d",
    now: () => now,
  });
  const { requests } = walkApi(paginator, () => ({ items: [] }), { bound: "2026-01-30T23:00:00.000Z" });
  expect(requests).toEqual([{ query: { start_date: "2026-01-30", end_date: "2026-01-31" } }]);
});

test("every record is seen, whichever ends the API includes and however few it gives at once", () => {
  const time = fc.integer({ min: 1, max: 36 * 4 - 1 }).map((quarter) => Date.parse(start) + (quarter * hour) / 4);
  const options = fc.record({
    times: fc.uniqueArray(time, { maxLength: 60 }),
    ends: fc.record({ from: fc.boolean(), to: fc.boolean() }),
    maxRecords: fc.integer({ min: 2, max: 9 }),
    newestFirst: fc.boolean(),
  });
  fc.assert(
    fc.property(options, ({ times, ends, maxRecords, newestFirst }) => {
      const paginator = timeWindows({ start, length: "12h", maxRecords, now: () => now });
      const { ids, end } = walkApi(paginator, api(times, ends, maxRecords, newestFirst));
      expect({ end, seen: new Set(ids).size }).toEqual({ end: "end", seen: times.length });
    }),
    { numRuns: 300 },
  );
});

test("a window that cannot be halved any more ends the run incomplete", () => {
  const paginator = timeWindows({ start, length: "12h", maxRecords: 3, now: () => now });
  const times = Array.from({ length: 5 }, () => Date.parse(start) + hour);
  expect(walkApi(paginator, api(times, { from: true, to: true }, 3)).end).toBe("WINDOW_FULL");
});

test("a bound behind the clock gives one window and the end", () => {
  const paginator = timeWindows({ start, length: "12h", now: () => now });
  expect(walkApi(paginator, () => ({ items: [] }), { bound: "2026-02-01T00:00:00.000Z" }).requests).toHaveLength(1);
});

test("a start that is no time and windows that are too short are refused", () => {
  expect(() => timeWindows({ start: "last week", length: "1h" })).toThrow(/last week/);
  expect(() => timeWindows({ start, length: "1d", format: "date" })).toThrow(/too short/);
});
