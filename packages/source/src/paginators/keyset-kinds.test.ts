import { compareCursors, type ScalarKind } from "@penstock/core/cursor";
import { PenstockError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cursorOn } from "../cursor-field.ts";
import type { Cursor } from "../model.ts";
import { type KeysetOptions, keyset } from "./keyset.ts";
import { forStream } from "./newest-first.ts";
import { type Answer, type Api, walkApi } from "./simulated-api.ts";

/* Keyset paging by numbers, texts and several fields, with the properties that paging by times has. */

type Sorted = { id: string; a: JsonValue; b: JsonValue };
type Kind = {
  cursor: Cursor;
  since: string[];
  /** The record's fields for the nth value: greater for a greater n. */
  value: (n: number) => Pick<Sorted, "a" | "b">;
};

const letters = (n: number) => `k${String.fromCharCode(97 + n)}`;
const second = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString();
const pair = (a: ScalarKind, b: ScalarKind, boundary: "inclusive" | "exclusive" = "exclusive") =>
  cursorOn({ field: "a", kind: a, thenBy: [{ field: "b", kind: b }], boundary });

const kinds: Record<string, Kind> = {
  integers: { cursor: cursorOn({ field: "a", kind: "number" }), since: ["since"], value: (n) => ({ a: n - 3, b: 0 }) },
  fractions: {
    cursor: cursorOn({ field: "a", kind: "number" }),
    since: ["since"],
    value: (n) => ({ a: (n - 3.5) / 7, b: 0 }),
  },
  "texts, behind them": {
    cursor: cursorOn({ field: "a", kind: "string" }),
    since: ["since"],
    value: (n) => ({ a: letters(n), b: 0 }),
  },
  "texts, from them": {
    cursor: cursorOn({ field: "a", kind: "string", boundary: "inclusive" }),
    since: ["since"],
    value: (n) => ({ a: letters(n), b: 0 }),
  },
  "a time and a number": {
    cursor: pair("timestamp", "number"),
    since: ["since", "after_id"],
    value: (n) => ({ a: second(Math.floor(n / 3)), b: n % 3 }),
  },
  "a number and a text": {
    cursor: pair("number", "string"),
    since: ["since", "after_id"],
    value: (n) => ({ a: Math.floor(n / 3), b: letters(n % 3) }),
  },
  "two texts, from them": {
    cursor: pair("string", "string", "inclusive"),
    since: ["since", "after_id"],
    value: (n) => ({ a: letters(Math.floor(n / 3)), b: letters(n % 3) }),
  },
};

type Server = { values: number[]; includes: boolean; cap?: number | undefined };

/** A collection sorted by a kind's values that answers `limit` and what is asked from. */
function serverOf({ cursor, since: names, value }: Kind, { values, includes, cap = Number.POSITIVE_INFINITY }: Server) {
  const records = values.map((n, i): Sorted => ({ id: `r${i}`, ...value(n) }));
  const sorted = records.sort((x, y) => compareCursors(cursor.kind, cursor.of(x) ?? "", cursor.of(y) ?? ""));
  const api: Api = ({ query = {} }): Answer => {
    const asked = names.flatMap((name) => query[name] ?? []);
    const read = (text: string, i: number) => (cursor.kinds[i] === "number" ? Number(text) : text);
    const [a = null, b] = asked.map(read);
    const from = asked.length === 0 ? null : cursor.of(b === undefined ? { a } : { a, b });
    const matches = (record: Sorted) => {
      const order = from === null ? 1 : compareCursors(cursor.kind, cursor.of(record) ?? "", from);
      return order > 0 || (includes && order === 0);
    };
    return { items: sorted.filter(matches).slice(0, Math.min(Number(query["limit"]), cap)) };
  };
  return api;
}

function attempt(kind: Kind, server: Server, options: Partial<KeysetOptions> = {}, bound?: string) {
  const { cursor, since } = kind;
  const paginator = forStream(keyset({ pageSize: 4, since, ...options }), cursor, "asc");
  try {
    const walked = walkApi(paginator, serverOf(kind, server), {
      cursorOf: cursor.of,
      rawOf: cursor.raw,
      ...(bound !== undefined && { bound }),
    });
    return { ...walked, seen: new Set(walked.ids) };
  } catch (error) {
    if (error instanceof PenstockError) return { end: error.code, seen: new Set<string>(), requests: [] };
    throw error;
  }
}

const allIds = (values: number[]) => new Set(values.map((_, i) => `r${i}`));

describe.each(Object.entries(kinds))("%s", (_, kind) => {
  const boundaries = kind.cursor.boundary === "inclusive" ? [true] : [true, false];
  const endsWithText = kind.cursor.kinds.at(-1) === "string";

  test("any collection is seen whole, or the run says that it may not have been, and no position comes twice", () => {
    const collection = fc.record({
      values: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 }),
      includes: fc.constantFrom(...boundaries),
      // Behind a text nothing can be asked for: of an API that only ever gives one record nobody can tell whether it has more.
      cap: fc.option(fc.integer({ min: endsWithText ? 2 : 1, max: 10 }), { nil: undefined }),
      pageSize: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(collection, ({ values, includes, cap, pageSize }) => {
        // Not to be told from a collection that is whole; see the docstring of `keyset`.
        fc.pre(new Set(values).size !== 1 || cap === undefined || values.length <= cap);
        const { end, seen } = attempt(kind, { values, includes, cap }, { pageSize });
        // No false alarm: only where the API cuts a value off, or for what is not to be told from it.
        if (end === "CURSOR_STUCK") return mostOfOne(values) >= Math.min(cap ?? values.length, values.length);
        expect({ end, seen }).toEqual({ end: "end", seen: allIds(values) });
        return true;
      }),
      { numRuns: 250 },
    );
  });

  test("a run goes on from any bound that an interrupted one left, and sees all from there", () => {
    const interrupted = fc.record({
      values: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 30 }),
      includes: fc.constantFrom(...boundaries),
      at: fc.nat(),
    });
    fc.assert(
      fc.property(interrupted, ({ values, includes, at }) => {
        const sorted = values.toSorted((x, y) => x - y);
        const largest = sorted[at % sorted.length] ?? 0;
        // Of texts that the API leaves out the bound is one behind what was read; see the pipeline's page-records.
        const isBehind = endsWithText && kind.cursor.boundary === "exclusive";
        const n = isBehind ? sorted.findLast((one) => one < largest) : largest;
        const bound = n === undefined ? undefined : (kind.cursor.of(kind.value(n)) ?? undefined);
        const { end, seen } = attempt(kind, { values, includes }, { maxPageSize: 100 }, bound);
        expect(end).toBe("end");
        values.forEach((value, i) => {
          if (value >= largest) expect(seen).toContain(`r${i}`);
        });
      }),
      { numRuns: 150 },
    );
  });
});

function mostOfOne(values: number[]): number {
  const counts = Map.groupBy(values, (value) => value).values();
  return Math.max(0, ...[...counts].map(({ length }) => length));
}

test("each field goes into its own parameter, times as the API writes them", () => {
  const kind = kinds["a time and a number"] as Kind;
  const { requests, end } = attempt(kind, { values: [0, 1, 2, 3, 4, 5, 6], includes: false });
  expect(end).toBe("end");
  expect(requests[1]?.query).toEqual({ limit: "4", since: second(1), after_id: "-1" });
});

test("a bound of a time alone asks from before all records of that time", () => {
  const kind = kinds["a time and a number"] as Kind;
  const iso = { kind: "iso", isWhole: false, separator: "T", zone: "Z" } as const;
  const server = { values: [0, 1, 2, 3, 4, 5], includes: false };
  const { requests, seen } = attempt(kind, server, { format: iso }, JSON.stringify([second(1)]));
  expect(requests[0]?.query).toEqual({ limit: "4", since: "2026-01-01T00:00:00.999Z" });
  expect([...seen].toSorted().slice(-3)).toEqual(["r3", "r4", "r5"]);
});

test("parameters must be as many as the cursor's fields", () => {
  const cursor = pair("timestamp", "number");
  expect(() => forStream(keyset({ pageSize: 4 }), cursor, "asc")).toThrow(
    "expected as many parameters as the cursor has fields, 2, received since: since",
  );
});
