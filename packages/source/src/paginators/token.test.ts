import fc from "fast-check";
import { expect, test } from "vitest";
import { type Api, walkApi } from "./simulated-api.ts";
import { token } from "./token.ts";

const records = (count: number) => Array.from({ length: count }, (_, i) => ({ id: `r${i}` }));

/** Answers pages of two; the token says how many came before. */
function api(count: number, answer: (token: string | null) => object = (token) => ({ next: token })): Api {
  return ({ query = {} }) => {
    const from = Number(query["after"] ?? 0);
    const next = from + 2 < count ? String(from + 2) : null;
    return { items: records(count).slice(from, from + 2), body: { ...answer(next) } };
  };
}

test("a token in the body leads to the end", () => {
  const { ids, end } = walkApi(token({ from: { body: "next" }, to: { query: "after" } }), api(5));
  expect({ ids, end }).toEqual({ ids: ["r0", "r1", "r2", "r3", "r4"], end: "end" });
});

test("a token in a header goes into the body of the next request, beside the bound", () => {
  const tokens = ["t1", "t2"];
  const paginator = token({
    from: { header: "X-Next" },
    to: { body: "cursor" },
    since: { body: "changed_after", format: "epoch-seconds" },
  });
  const { requests, end } = walkApi(
    paginator,
    () => {
      const next = tokens.shift();
      return { items: [], headers: next === undefined ? {} : { "x-next": next } };
    },
    { bound: "2026-01-31T12:00:00.500Z" },
  );
  const changed_after = "1769860800";
  expect(end).toBe("end");
  expect(requests.map(({ body }) => body)).toEqual([
    { changed_after },
    { changed_after, cursor: "t1" },
    { changed_after, cursor: "t2" },
  ]);
});

test("the last record's field as the token, with a flag, as Stripe pages", () => {
  const all = records(5);
  const stripe: Api = ({ query = {} }) => {
    const from = all.findIndex(({ id }) => id === query["starting_after"]) + 1;
    return { items: all.slice(from, from + 2), body: { has_more: from + 2 < all.length } };
  };
  const paginator = token({ from: { lastRecord: "id" }, to: { query: "starting_after" }, hasMore: "has_more" });
  const { ids, requests, end } = walkApi(paginator, stripe);
  expect({ ids, end }).toEqual({ ids: all.map(({ id }) => id), end: "end" });
  expect(requests).toHaveLength(3);
});

test("an empty page with a token goes on, a flag that is false ends in spite of one", () => {
  const empties: Api = ({ query = {} }) =>
    query["after"] === undefined ? { items: [], body: { next: "a" } } : { items: records(1), body: {} };
  expect(walkApi(token({ from: { body: "next" }, to: { query: "after" } }), empties).ids).toEqual(["r0"]);
  const flagged = token({ from: { body: "next" }, to: { query: "after" }, hasMore: "more" });
  expect(walkApi(flagged, () => ({ items: [], body: { next: "a", more: false } })).requests).toHaveLength(1);
});

test("more, but not where: incomplete", () => {
  const paginator = token({ from: { lastRecord: "id" }, to: { query: "after" }, hasMore: "more" });
  expect(walkApi(paginator, () => ({ items: [], body: { more: true } })).end).toBe("NEXT_MISSING");
});

test.each([
  [
    "records that share it",
    [
      { id: "a", rank: 1 },
      { id: "b", rank: 2 },
      { id: "c", rank: 2 },
    ],
    "two records of one page share number 2",
  ],
  ["a time", [{ id: "a", rank: "2026-01-31T12:00:00Z" }], "it is a time"],
])("behind %s no next page is asked for: what shares it would be missed", (_, items, message) => {
  const paginator = token({ from: { lastRecord: "rank" }, to: { query: "after" }, hasMore: "more" });
  expect(() => walkApi(paginator, () => ({ items, body: { more: true } }))).toThrow(
    expect.objectContaining({ code: "TOKEN_NOT_UNIQUE", message: expect.stringContaining(message) }),
  );
  expect(walkApi(paginator, () => ({ items, body: { more: false } })).end).toBe("end");
});

test("one record that a page shows twice is no other record", () => {
  const twice: Api = ({ query = {} }) => ({
    items: query["after"] === undefined ? [{ id: "a" }, { id: "a" }, null] : [],
    body: {},
  });
  expect(walkApi(token({ from: { lastRecord: "id" }, to: { query: "after" } }), twice).end).toBe("end");
});

test("records inserted, changed and deleted while a sorted collection is paged: what stays is seen by this run or the next", () => {
  const change = fc.record({ at: fc.nat(8), id: fc.nat(40), kind: fc.constantFrom("insert", "touch", "delete") });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), (changes, size) => {
      const all = new Map(Array.from({ length: 20 }, (_, i) => [`r${i}`, { id: `r${i}`, at: i }]));
      let clock = 100;
      let request = 0;
      const change = ({ id, kind }: (typeof changes)[number]) => {
        if (kind === "delete") all.delete(`r${id}`);
        else if (kind === "insert" || all.has(`r${id}`)) all.set(`r${id}`, { id: `r${id}`, at: clock++ });
      };
      /** Sorted by the time of the last change; the token is the last record's. */
      const sorted: Api = ({ query = {} }) => {
        for (const one of changes) if (one.at === request) change(one);
        request += 1;
        const from = Number(query["after"] ?? query["since"] ?? -1);
        const later = [...all.values()].filter(({ at }) => at > from).sort((a, b) => a.at - b.at);
        return { items: later.slice(0, size), body: { more: later.length > size } };
      };
      const options = { cursor: { kind: "number", kinds: ["number"], boundary: "exclusive" } as const };
      const paginator = token({ from: { lastRecord: "at" }, to: { query: "after" }, hasMore: "more", since: "since" });
      const first = walkApi(paginator, sorted, options);
      const bound = Math.max(-1, ...first.ids.map((id) => all.get(id)?.at ?? -1).filter((at) => at < 100));
      const second = walkApi(paginator, sorted, { ...options, bound: String(bound) });
      for (const id of all.keys()) expect([...first.ids, ...second.ids]).toContain(id);
    }),
    { numRuns: 80 },
  );
});
