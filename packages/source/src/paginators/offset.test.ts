import type { JsonValue } from "@penstock/core/json";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { offset } from "./offset.ts";
import { walkApi } from "./simulated-api.ts";
import { type Collection, walk } from "./simulated-collection.ts";

const ids = (count: number) => Array.from({ length: count }, (_, i) => `r${String(i).padStart(3, "0")}`);

/** Answers by position in `all`, which a test may change between requests. */
function collection(
  all: string[],
  options: { first?: number; cap?: number; change?: (request: number) => void } = {},
): Collection {
  const { first = 0, cap = Number.POSITIVE_INFINITY, change } = options;
  let requests = 0;
  return ({ offset, limit }) => {
    change?.(requests++);
    const from = Number(offset) - first;
    return all.slice(from, from + Math.min(Number(limit), cap)).map((id) => ({ id, ts: null }));
  };
}

test.each([0, 1] as const)("every record is seen, numbered from %i", (first) => {
  for (const total of [0, 1, 2, 9, 10, 11, 28, 29]) {
    for (const cap of [2, 3, 10, 11]) {
      const { seen, end } = walk(offset({ firstOffset: first, pageSize: 10 }), collection(ids(total), { first, cap }));
      expect({ total, cap, seen: seen.size, end }).toEqual({ total, cap, seen: total, end: "end" });
    }
  }
});

test("a deletion before the offset hides nothing", () => {
  const all = ids(40);
  const { seen, end } = walk(
    offset({ pageSize: 10 }),
    collection(all, { change: (request) => request === 2 && all.splice(0, 3) }),
  );
  expect(end).toBe("end");
  for (const id of all) expect(seen).toContain(id);
});

test("an insertion before the offset hides nothing", () => {
  const all = ids(40);
  const { seen, end } = walk(
    offset({ pageSize: 10 }),
    collection(all, { change: (request) => request === 2 && all.splice(5, 0, "x", "y") }),
  );
  expect(end).toBe("end");
  for (const id of ids(40)) expect(seen).toContain(id);
});

test("the overlap's own deletion costs a step back", () => {
  const all = ids(40);
  const { seen, end } = walk(
    offset({ pageSize: 10 }),
    collection(all, { change: (request) => request === 1 && all.splice(9, 1) }),
  );
  expect(end).toBe("end");
  for (const id of all) expect(seen).toContain(id);
});

test("a collection that moves all the time ends incomplete", () => {
  const all = ids(400);
  const { end, pages } = walk(offset({ pageSize: 10 }), collection(all, { change: () => all.splice(0, 25) }));
  expect(end).toBe("OFFSET_SHIFTED");
  expect(pages).toBeLessThan(10);
});

test("one record whose key changes with every answer does not loop", () => {
  let n = 0;
  expect(walk(offset({ pageSize: 10 }), () => [{ id: `r${n++}`, ts: null }]).end).toBe("OFFSET_SHIFTED");
});

test("deletions while it reads hide nothing, or the run is incomplete", () => {
  const deletion = fc.record({
    request: fc.integer({ min: 1, max: 8 }),
    at: fc.integer({ min: 0, max: 40 }),
    count: fc.integer({ min: 1, max: 6 }),
  });
  fc.assert(
    fc.property(fc.array(deletion, { maxLength: 3 }), fc.integer({ min: 2, max: 9 }), (deletions, pageSize) => {
      const all = ids(40);
      const change = (request: number) => {
        for (const { request: when, at, count } of deletions) if (when === request) all.splice(at, count);
      };
      const { seen, end } = walk(offset({ pageSize }), collection(all, { change }));
      if (end === "end") for (const id of all) expect(seen).toContain(id);
      else expect(end).toBe("OFFSET_SHIFTED");
    }),
    { numRuns: 200 },
  );
});

test("asks for what changed since the instant before the bound", () => {
  const paginator = offset({ firstOffset: 1, pageSize: 500, since: "updatedafter" });
  expect(paginator.request(paginator.start(null)).query).toEqual({ limit: "500", offset: "1" });
  const position = paginator.start("2026-01-31T12:00:00.000Z");
  expect(paginator.request(position).query).toEqual({
    limit: "500",
    offset: "1",
    updatedafter: "2026-01-31T11:59:59.999Z",
  });
});

test("a bound that is a number goes as one, in the place and format that the API takes it", () => {
  const number = { kind: "number", kinds: ["number"], boundary: "exclusive" } as const;
  const byId = offset({ pageSize: 500, since: "since_id" });
  expect(byId.request(byId.start("1009", number)).query).toEqual({ limit: "500", offset: "0", since_id: "1008" });
  const byBody = offset({
    offset: { body: "from" },
    limit: { body: "size" },
    pageSize: 50,
    since: { body: "changed", format: "iso-seconds" },
  });
  expect(byBody.request(byBody.start("2026-01-31T12:00:00.000Z"))).toEqual({
    body: { from: 0, size: 50, changed: "2026-01-31T11:59:59Z" },
  });
});

describe("where the API tells the number of records", () => {
  const told = (all: string[], options: { limit?: number; total?: () => JsonValue; first?: number } = {}) => {
    const { limit = Number.POSITIVE_INFINITY, total = () => all.length, first = 0 } = options;
    return walkApi(
      offset({ firstOffset: first === 1 ? 1 : 0, pageSize: 10, total: "meta.total" }),
      ({ query = {} }) => {
        const from = Number(query["offset"]) - first;
        const items = all.slice(from, Math.min(from + Number(query["limit"]), limit)).map((id) => ({ id }));
        return { items, body: { meta: { total: total() } } };
      },
    );
  };

  test.each([0, 1])("every record is seen, numbered from %i, and no page behind the last is asked for", (first) => {
    for (const count of [0, 1, 2, 9, 10, 11, 18, 19, 20, 28, 29]) {
      const { ids: seen, end, requests } = told(ids(count), { first });
      expect({ count, end, seen: [...new Set(seen)] }).toEqual({ count, end: "end", seen: ids(count) });
      // The first brings ten records, the others nine that are new; only a last one that is full needs one more.
      const pages = Math.max(1, Math.ceil((count - 1) / 9));
      expect({ count, requests: requests.length - Number(count > 1 && count % 9 === 1) }).toEqual({
        count,
        requests: pages,
      });
    }
  });

  test("an API that counts further than it gives is found out", () => {
    expect(told(ids(60), { limit: 40 })).toMatchObject({ end: "NEXT_MISSING" });
    expect(told([], { total: () => 7 })).toMatchObject({ end: "NEXT_MISSING" });
  });

  test("one that counts no further than it likes is read to the end", () => {
    const { ids: seen, end } = told(ids(60), { total: () => 37 });
    expect([end, new Set(seen).size]).toEqual(["end", 60]);
  });

  test("one that is no number counts for nothing", () => {
    expect(told(ids(25), { total: () => "7" })).toMatchObject({ end: "end" });
  });

  test("deletions while it reads hide nothing all the same, or the run is incomplete", () => {
    const deletion = fc.record({ request: fc.integer({ min: 1, max: 6 }), at: fc.nat(40), count: fc.nat(6) });
    fc.assert(
      fc.property(fc.array(deletion, { maxLength: 3 }), (deletions) => {
        const all = ids(40);
        let requests = 0;
        const total = () => {
          const { length } = all;
          requests += 1;
          for (const { request, at, count } of deletions) if (request === requests) all.splice(at, count);
          return length;
        };
        const { ids: seen, end } = told(all, { total });
        if (end === "end") for (const id of all) expect(seen).toContain(id);
        else expect(end).toBe("OFFSET_SHIFTED");
      }),
    );
  });
});

test("a page size of one would show the overlap only", () => {
  expect(() => offset({ pageSize: 1 })).toThrow(RangeError);
});
