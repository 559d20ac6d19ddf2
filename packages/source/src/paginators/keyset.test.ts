import { PenstockError } from "@penstock/core/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type KeysetOptions, keyset } from "./keyset.ts";
import {
  type Collection,
  keysetCollection,
  pageOf,
  type SimulatedRecord,
  type Walk,
  walk,
} from "./simulated-collection.ts";

const second = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString();
const pageSize = 4;

/** Records whose times are the given seconds. */
function records(seconds: number[], write: (n: number) => SimulatedRecord["ts"] = second): SimulatedRecord[] {
  return seconds.map((n, i) => ({ id: `r${i}`, ts: write(n) }));
}

/** The walk, with the code it threw as its end. */
function attempt(
  collection: Collection,
  options: Partial<KeysetOptions> = {},
  bound: string | null = null,
): { end: string; seen: number; pages: number } {
  try {
    const { seen, pages, end } = walk(keyset({ pageSize, ...options }), collection, bound);
    return { end, seen: seen.size, pages };
  } catch (error) {
    if (error instanceof PenstockError) return { end: error.code, seen: Number.NaN, pages: Number.NaN };
    throw error;
  }
}

const block = (count: number, at: number) => Array.from({ length: count }, () => at);
const run = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
const kinds = ["inclusive", "exclusive"] as const;

describe.each(kinds)("since %s", (since) => {
  describe.each([1, pageSize - 1, pageSize, pageSize + 1, 5 * pageSize])("%i records of one time", (size) => {
    test.each([
      ["at the beginning", [...block(size, 0), ...run(1, 9)]],
      ["in the middle", [...run(0, 6), ...block(size, 6), ...run(7, 6)]],
      ["at the end", [...run(0, 9), ...block(size, 9)]],
      ["twice", [...block(size, 0), ...run(1, 3), ...block(size, 5)]],
    ])("%s are all seen", (_, seconds) => {
      const all = keysetCollection(records(seconds), { since });
      expect(attempt(all)).toMatchObject({ end: "end", seen: seconds.length });
    });

    test.each([
      ["at the beginning", [...block(size, 0), ...run(1, 9)]],
      ["in the middle", [...run(0, 6), ...block(size, 6), ...run(7, 6)]],
      ["at the end", [...run(0, 9), ...block(size, 9)]],
    ])("%s are all seen or reported, whatever the API's cap", (_, seconds) => {
      for (const cap of [pageSize - 2, pageSize - 1, pageSize, pageSize + 1]) {
        const { end, seen } = attempt(keysetCollection(records(seconds), { since, cap }));
        // At the cap itself nobody can tell whether that is all.
        if (size < cap) expect({ cap, end, seen }).toEqual({ cap, end: "end", seen: seconds.length });
        else if (size > cap) expect({ cap, end }).toEqual({ cap, end: "CURSOR_STUCK" });
        else expect(end === "CURSOR_STUCK" || seen === seconds.length).toBe(true);
      }
    });
  });

  test.each([0, 1, 2, 3, 5, 7])("a collection of %i records of one time", (size) => {
    expect(attempt(keysetCollection(records(block(size, 3)), { since }))).toMatchObject({ end: "end", seen: size });
  });

  test("a collection of one time that is as long as a limit asked for may be cut off", () => {
    for (const cap of [pageSize, undefined]) {
      const collection = keysetCollection(records(block(pageSize, 3)), { since, ...(cap !== undefined && { cap }) });
      expect(attempt(collection).end).toBe("CURSOR_STUCK");
      expect(attempt(collection, { maxPageSize: pageSize }).end).toBe("CURSOR_STUCK");
      expect(attempt(collection, { maxPageSize: pageSize + 1 })).toMatchObject({ end: "end", seen: pageSize });
    }
  });

  test("records that share one time and outnumber the cap are found to be cut off once another record is there", () => {
    const capped = (seconds: number[]) => keysetCollection(records(seconds), { since, cap: 3 });
    expect(attempt(capped([...block(9, 5), 6]), {}, second(5)).end).toBe("CURSOR_STUCK");
    expect(attempt(capped([4, ...block(9, 5)]), {}, second(5)).end).toBe("CURSOR_STUCK");
  });

  test("a run from a bound sees the records of the bound and all later ones, and asks little when there are none", () => {
    const collection = keysetCollection(records([...run(0, 50), 49, 49]), { since });
    const { seen, end } = walk(keyset({ pageSize }), collection, second(47));
    expect(end).toBe("end");
    for (const id of ["r47", "r48", "r49", "r50", "r51"]) expect(seen).toContain(id);
    expect(attempt(keysetCollection(records(run(0, 50)), { since }), {}, second(49))).toMatchObject({
      end: "end",
      pages: 2,
    });
  });
});

test("any collection is seen whole, or the run says that it may not have been; it ends, and no position comes twice", () => {
  const seconds = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 });
  const limits = {
    cap: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
    pageSize: fc.integer({ min: 1, max: 8 }),
  };
  fc.assert(
    fc.property(
      fc.record({ seconds, since: fc.constantFrom(...kinds), ...limits }),
      ({ seconds, since, cap, pageSize }) => {
        // Not to be told from a collection that is whole; see the docstring of `keyset`.
        fc.pre(new Set(seconds).size !== 1 || cap === undefined || seconds.length <= cap);
        const collection = keysetCollection(records(seconds), { since, ...(cap !== undefined && { cap }) });
        const ended = stuckOr(() => walk(keyset({ pageSize }), collection));
        // No false alarm: only where the API cuts a time off, or for what is not to be told from it.
        if (ended === "CURSOR_STUCK") return mostOfOneTime(seconds) >= Math.min(cap ?? seconds.length, seconds.length);
        expect(ended.seen.size).toBe(seconds.length);
        expect(new Set(ended.positions.map((position) => JSON.stringify(position))).size).toBe(ended.pages);
        return true;
      },
    ),
    { numRuns: 1_500 },
  );
});

function mostOfOneTime(seconds: number[]): number {
  const counts = new Map<number, number>();
  for (const n of seconds) counts.set(n, (counts.get(n) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

function stuckOr(work: () => Walk): Walk | "CURSOR_STUCK" {
  try {
    return work();
  } catch (error) {
    if (error instanceof PenstockError && error.code === "CURSOR_STUCK") return "CURSOR_STUCK";
    throw error;
  }
}

describe("since is written as the API writes its times", () => {
  const epoch = Date.UTC(2026, 0, 1) / 1_000;
  test.each([
    ["ISO with milliseconds", second, "2026-01-01T00:00:08.999Z"],
    ["ISO with microseconds", (n: number) => second(n).replace(".000Z", ".000123Z"), "2026-01-01T00:00:08.999Z"],
    ["ISO in whole seconds", (n: number) => second(n).replace(".000Z", "Z"), "2026-01-01T00:00:08Z"],
    ["ISO with an offset", (n: number) => second(n).replace("Z", "+00:00"), "2026-01-01T00:00:08.999+00:00"],
    ["ISO without a zone", (n: number) => second(n).replace(".000Z", ""), "2026-01-01T00:00:08"],
    ["a space instead of T", (n: number) => second(n).replace("T", " ").replace("Z", ""), "2026-01-01 00:00:08.999"],
    ["another zone", (n: number) => second(n + 7_200).replace("Z", "+02:00"), "2026-01-01T00:00:08.999Z"],
    ["epoch seconds", (n: number) => epoch + n, String(epoch + 8)],
    ["epoch seconds with a fraction", (n: number) => epoch + n + 0.5, `${epoch + 9}.499`],
    ["epoch milliseconds", (n: number) => (epoch + n) * 1_000, String((epoch + 9) * 1_000 - 1)],
  ])("%s", (_, write, expected) => {
    const asked: (string | undefined)[] = [];
    const collection = keysetCollection(records(run(0, 10), write), { since: "exclusive" });
    const recorded: Collection = (query) => {
      asked.push(query["since"]);
      return collection(query);
    };
    const first = walk(keyset({ pageSize }), recorded);
    expect(first).toMatchObject({ end: "end" });
    expect(first.seen.size).toBe(10);
    expect(asked.at(-1)).toBe(expected);
    // The next run has the bound only, which is always ISO in UTC.
    const secondRun = asked.length;
    expect(walk(keyset({ pageSize }), recorded, "2026-01-01T00:00:09.000Z").end).toBe("end");
    expect(asked.slice(secondRun, secondRun + 2)).toEqual([undefined, expect.stringContaining(expected.slice(0, 5))]);
  });
});

test("with its format declared a run from a bound needs not look first", () => {
  const paginator = keyset({ pageSize, format: { kind: "epoch-milliseconds" } });
  expect(paginator.request(paginator.start("2026-01-01T00:00:09.000Z")).query).toEqual({
    limit: "4",
    since: String(Date.UTC(2026, 0, 1, 0, 0, 9) - 1),
  });
});

test("an API that ignores since and gives all it has ends the run", () => {
  const all = records([1, 2, 3]);
  expect(attempt(() => all)).toMatchObject({ end: "end", seen: 3 });
});

test("an API that ignores since and cuts its answer off is found out", () => {
  const first = records(run(0, 9)).slice(0, pageSize);
  expect(attempt(() => first).end).toBe("CURSOR_STUCK");
});

test("a full page that is not sorted fails the run: what it hides would never be asked for", () => {
  const unsorted = records([3, 9, 1, 7]);
  expect(attempt(() => unsorted).end).toBe("ORDER_VIOLATED");
});

test("a page that is not full may be unsorted", () => {
  const unsorted = records([3, 9, 1]);
  expect(attempt(({ since }) => unsorted.filter(({ ts }) => since === undefined || String(ts) > since))).toMatchObject({
    end: "end",
    seen: 3,
  });
});

test("a page without a single time fails the run; one among others does not", () => {
  expect(attempt(() => [{ id: "a", ts: null }]).end).toBe("CURSOR_MISSING");
  const collection = keysetCollection([{ id: "a", ts: null }, ...records(run(0, 9))], { since: "exclusive" });
  expect(attempt(collection)).toMatchObject({ end: "end", seen: 10 });
});

test("records that arrive while it reads are seen", () => {
  const all = records(run(0, 10));
  let requests = 0;
  const growing: Collection = (query) => {
    if (++requests <= 5)
      all.push(
        { id: `late${requests}`, ts: second(20 + requests) },
        { id: `tie${requests}`, ts: second(20 + requests) },
      );
    return keysetCollection(all, { since: "exclusive" })(query);
  };
  expect(attempt(growing)).toMatchObject({ end: "end", seen: 20 });
});

test("a raised limit is explained when the API rejects it", () => {
  const paginator = keyset({ pageSize });
  const page = records(block(4, 1));
  const collection = keysetCollection(page, { since: "exclusive" });
  let position = paginator.start(null);
  expect(paginator.remark?.(position)).toBeUndefined();
  for (let i = 0; i < 2; i++) {
    const items = collection(paginator.request(position).query ?? {});
    const next = paginator.next(position, pageOf(items));
    if (next.kind === "next") position = next.position;
  }
  expect(paginator.remark?.(position)).toMatch(
    /raised to 8 .* 4 or more records share the cursor value 2026-01-01T00:00:01\.000Z/,
  );
});
