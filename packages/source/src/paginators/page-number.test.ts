import fc from "fast-check";
import { expect, test } from "vitest";
import { type PageNumberOptions, pageNumber } from "./page-number.ts";
import { type Api, walkApi } from "./simulated-api.ts";

const ids = (count: number) => Array.from({ length: count }, (_, i) => `r${i}`);

type Change = (request: number, all: string[]) => void;

/** Pages of `size`, with the number of records and pages and a flag; `change` acts before each request. */
function api(all: string[], size: number, change: Change = () => {}): Api {
  let requests = 0;
  return ({ query = {} }) => {
    change(requests++, all);
    const to = Number(query["page"]) * size;
    const items = all.slice(to - size, to).map((id) => ({ id }));
    return { items, body: { total: all.length, pages: Math.ceil(all.length / size), more: to < all.length } };
  };
}

const kinds: [string, PageNumberOptions][] = [
  ["nothing", {}],
  ["pages", { totalPages: "pages" }],
  ["records", { total: "total" }],
  ["a flag", { hasMore: "more" }],
  ["a flag, and is stable", { hasMore: "more", isStable: true }],
];

test.each(kinds)("every record is seen where the API tells %s", (_, options) => {
  for (const count of [0, 1, 3, 4, 5, 12, 13]) {
    const { ids: seen, end } = walkApi(pageNumber(options), api(ids(count), 4));
    expect({ count, end, seen: new Set(seen) }).toEqual({ count, end: "end", seen: new Set(ids(count)) });
  }
});

test("the first page's number", () => {
  expect(walkApi(pageNumber({ firstPage: 0, page: { body: "p" } }), () => ({ items: [] })).requests).toEqual([
    { body: { p: 0 } },
  ]);
});

const edit = fc.record({
  request: fc.integer({ min: 1, max: 10 }),
  at: fc.nat(18),
  count: fc.integer({ min: 1, max: 6 }),
});

const fromTheTop = (request: number, count: number) => ({ request, at: 0, count });
const deletedAfterAStepBack: [ReturnType<typeof fromTheTop>[], number][] = [
  [[fromTheTop(8, 2), fromTheTop(10, 3)], 2],
  [[fromTheTop(4, 2), fromTheTop(7, 5)], 2],
  [[fromTheTop(8, 3), fromTheTop(10, 4)], 3],
];

test.each(kinds.slice(0, 4))(
  "deletions hide nothing where the API tells %s, or the run is incomplete",
  (_, options) => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 4 }), fc.integer({ min: 1, max: 7 }), (deletions, size) => {
        const all = ids(18);
        const deleting: Change = (request) => {
          for (const { request: when, at, count } of deletions) if (when === request) all.splice(at, count);
        };
        const { ids: seen, end } = walkApi(pageNumber(options), api(all, size, deleting));
        if (end === "end") for (const id of all) expect(seen).toContain(id);
        else expect(end).toBe("OFFSET_SHIFTED");
      }),
      { numRuns: 100, examples: deletedAfterAStepBack },
    );
  },
);

test.each(kinds)("insertions hide nothing where the API tells %s", (_, options) => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 4 }), fc.integer({ min: 1, max: 7 }), (insertions, size) => {
      const all = ids(18);
      const inserting: Change = (request) => {
        for (const { request: when, at, count } of insertions)
          if (when === request) all.splice(at, 0, ...ids(count).map((id) => `new-${request}-${at}-${id}`));
      };
      const { ids: seen, end } = walkApi(pageNumber(options), api(all, size, inserting));
      if (end === "end") for (const id of ids(18)) expect(seen).toContain(id);
      else expect(end).toBe("OFFSET_SHIFTED");
    }),
    { numRuns: 60 },
  );
});

test("a collection that shrinks all the time ends incomplete", () => {
  const shrinking: Change = (_, all) => void all.splice(0, 9);
  expect(walkApi(pageNumber(), api(ids(400), 4, shrinking)).end).toBe("OFFSET_SHIFTED");
});
