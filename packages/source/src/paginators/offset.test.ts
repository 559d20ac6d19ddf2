import fc from "fast-check";
import { expect, test } from "vitest";
import { offset } from "./offset.ts";
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

test("a page size of one would show the overlap only", () => {
  expect(() => offset({ pageSize: 1 })).toThrow(RangeError);
});
