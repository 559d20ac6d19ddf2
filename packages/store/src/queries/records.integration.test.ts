import { join } from "node:path";
import { batchOf } from "@penstock/core/record";
import { databaseTargets } from "@penstock/testing/databases";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "../open-store.ts";
import { changedRecords, pagesFor, partition } from "../page-of.ts";
import type { Store } from "../store.ts";
import type { Condition, RecordQuery } from "./queries.ts";

const migrationsRoot = join(import.meta.dirname, "../../../../prisma");

const data = [
  { id: "a", size: 3, name: "Oslo", place: { country: "NO" }, isOpen: true },
  { id: "b", size: 10, name: "Bergen", place: { country: "NO" }, isOpen: false },
  { id: "c", size: 2.5, name: "Ärö", place: null, note: null },
  { id: "d", size: "10", name: "", place: { country: "DK" } },
  { id: "e" },
];

describe.each(databaseTargets())("records on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  const stack = new AsyncDisposableStack();
  let store: Store;

  beforeAll(async () => {
    const database = stack.adopt(await create(), (created) => created.drop());
    store = stack.adopt(await openStore({ url: database.url, migrationsRoot }), (opened) => opened.close());
    const { run } = await store.startRun({ ...partition, mode: "incremental", takeOver: "none" });
    const records = data.map((each, input) => ({
      key: each.id,
      // The last has no event time.
      ts: input === 4 ? null : `2026-01-0${input + 1}T00:00:00.000Z`,
      version: null,
      hash: each.id,
      data: JSON.stringify(each),
      input,
    }));
    await store.commitPage(pageOf(run, { fetched: records.length, records: batchOf(records, name) }));
  });
  afterAll(() => stack.disposeAsync());

  const all: RecordQuery = { keys: [], conditions: [], isDeleted: false, order: "key", limit: 100 };
  const read = async (query: Partial<RecordQuery>) => {
    const { records } = await store.queries.records({ ...all, ...query });
    return records.map((record): { key: string; data: unknown } => JSON.parse(record));
  };
  const keys = async (query: Partial<RecordQuery>) => (await read(query)).map(({ key }) => key).join("");
  const where = (...conditions: Condition[]) => keys({ conditions });

  test("a record is whole", async () => {
    const instant = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect((await read({ keys: ["a"] }))[0]).toEqual({
      ...{ source: "s", stream: "t", key: "a", ts: "2026-01-01T00:00:00.000Z", data: data[0], revision: 1 },
      ...{ observedAt: instant, firstSeenAt: instant, updatedAt: instant, deletedAt: null },
      ...{ runId: expect.any(String), seq: 0, schemaVersion: expect.any(String) },
    });
  });

  test("values are compared with values of their own type", async () => {
    const size = ["size"];
    expect(await where({ path: size, comparison: "eq", value: 10 })).toBe("b");
    expect(await where({ path: size, comparison: "eq", value: "10" })).toBe("d");
    expect(await where({ path: size, comparison: "gte", value: 2.5 })).toBe("abc");
    expect(await where({ path: size, comparison: "lt", value: 3 })).toBe("c");
    expect(await where({ path: size, comparison: "ne", value: 10 })).toBe("acde");
    expect(await where({ path: ["isOpen"], comparison: "eq", value: true })).toBe("a");
    expect(await where({ path: ["name"], comparison: "gt", value: "Oslo" })).toBe("c");
  });

  test("null, missing, part of a text, one of several, nested", async () => {
    expect(await where({ path: ["note"], comparison: "exists", isThere: true })).toBe("c");
    expect(await where({ path: ["note"], comparison: "eq", value: null })).toBe("abcde");
    expect(await where({ path: ["place"], comparison: "eq", value: null })).toBe("ce");
    expect(await where({ path: ["name"], comparison: "contains", text: "er" })).toBe("b");
    expect(await where({ path: ["size"], comparison: "in", values: [3, "10", false] })).toBe("ad");
    expect(await where({ path: ["place", "country"], comparison: "eq", value: "NO" })).toBe("ab");
    const two: Condition = { path: ["size"], comparison: "gt", value: 5 };
    expect(await where({ path: ["place", "country"], comparison: "eq", value: "NO" }, two)).toBe("b");
  });

  test("what is asked with cannot become a part of the statement", async () => {
    for (const text of ["'", '"', "\\", "a'; DROP TABLE records; --", "%", "\u0000".replace("\0", "\uFFFD")]) {
      expect(await where({ path: ["name"], comparison: "eq", value: text })).toBe("");
      expect(await where({ path: ["na$-me@"], comparison: "contains", text })).toBe("");
    }
    expect(await keys({})).toBe("abcde");
  });

  test("fields that are asked for come by their paths, null where there are none", async () => {
    const fields = [["id"], ["place", "country"]];
    expect((await read({ fields })).map((record) => record.data)).toEqual([
      { id: "a", "place.country": "NO" },
      { id: "b", "place.country": "NO" },
      { id: "c", "place.country": null },
      { id: "d", "place.country": "DK" },
      { id: "e", "place.country": null },
    ]);
  });

  test("every order goes on where the page before ended, and event times bound it", async () => {
    const pages = async (order: RecordQuery["order"], query: Partial<RecordQuery> = {}) => {
      const found: string[] = [];
      for (let after: RecordQuery["after"]; ; ) {
        const page = await store.queries.records({ ...all, ...query, order, limit: 2, ...(after && { after }) });
        found.push(...page.records.map((record): string => JSON.parse(record).key));
        if (page.last === undefined) return found.join("");
        after = page.last;
      }
    };
    for (const fixed of [{}, { source: "s" }, { source: "s", stream: "t" }])
      expect(await pages("key", fixed)).toBe("abcde");
    expect(await pages("ts", { source: "s", stream: "t" })).toBe("abcd");
    expect(await pages("-ts", { source: "s", stream: "t" })).toBe("dcba");
    const [from, to] = [new Date("2026-01-02T00:00:00Z"), new Date("2026-01-04T00:00:00Z")];
    expect(await pages("key", { from, to })).toBe("bc");
  });

  test("streams are read one after the other, of all sources or one, and a page goes on from one to the next", async () => {
    const streams = [
      ["r", "x"],
      ["s", "a"],
      ["s", "u"],
      ["u", "x"],
    ] as const;
    for (const [source, stream] of streams) {
      const { run } = await store.startRun({ ...partition, source, stream, mode: "incremental", takeOver: "none" });
      await store.commitPage(pageOf(run, { keys: ["1", "2", "3"].map((n) => `${source}${stream}${n}`) }));
    }
    const walk = async (query: Partial<RecordQuery>, limit: number) => {
      const found: string[] = [];
      for (let after: RecordQuery["after"]; ; ) {
        const { records, last } = await store.queries.records({
          ...all,
          ...query,
          limit,
          ...(after && { after }),
        });
        found.push(...records.map((record): string => JSON.parse(record).key));
        if (records.length < limit) return found.join(" ");
        after = last;
      }
    };
    const [ofR, ofS, ofU] = ["rx1 rx2 rx3", "sa1 sa2 sa3 a b c d e su1 su2 su3", "ux1 ux2 ux3"];
    for (const limit of [1, 2, 3, 5, 100]) {
      expect(await walk({}, limit), `${limit} at once`).toBe([ofR, ofS, ofU].join(" "));
      expect(await walk({ source: "s" }, limit), `${limit} at once`).toBe(ofS);
      expect(await walk({ keys: ["sa2", "b", "ux3"] }, limit)).toBe("sa2 b ux3");
      expect(await walk({ source: "nobody" }, limit)).toBe("");
    }
  });

  test("a page of a stream costs the same wherever it begins, in the order of time where there is an index", async () => {
    const long = { source: "s", stream: "long" };
    const { run } = await store.startRun({ ...partition, ...long, mode: "incremental", takeOver: "none" });
    const keyAt = (i: number) => `k${String(i).padStart(6, "0")}`;
    const timeAt = (i: number) => new Date(Date.UTC(2026, 0, 1) + i * 1_000).toISOString();
    for (let seq = 0; seq < 40; seq++) {
      const page = pageOf(run, { seq, keys: Array.from({ length: 1_000 }, (_, i) => keyAt(1_000 * seq + i)) });
      const records = changedRecords(page, (record, i) => ({ ...record, ts: timeAt(1_000 * seq + i) }));
      await store.commitPage({ ...page, records });
    }
    const fastest = async (order: RecordQuery["order"], i: number) => {
      const after = { ...long, key: keyAt(i), ts: timeAt(i) };
      const times: number[] = [];
      for (let round = 0; round < 9; round++) {
        const startedAt = performance.now();
        const { records } = await store.queries.records({ ...all, ...long, order, limit: 10, after });
        times.push(performance.now() - startedAt);
        expect(records).toHaveLength(10);
      }
      return Math.min(...times);
    };
    const first = await fastest("key", 0);
    expect(await fastest("key", 39_900)).toBeLessThan(4 * first);
    await store.ensureIndexes([{ ...long, name: "s_long", columns: [], indexesEventTime: true }]);
    for (const [order, i] of [
      ["ts", 20_000],
      ["-ts", 20_000],
      ["-ts", 100],
    ] as const)
      expect(await fastest(order, i), `${order} behind ${i}`).toBeLessThan(4 * first);
  });

  test("one record comes with its run, page and letters", async () => {
    expect(await store.queries.record({ source: "s", stream: "t", key: "nobody" })).toBeUndefined();
    expect(await store.queries.record({ source: "s", stream: "t", key: "a" })).toMatchObject({
      data: data[0],
      run: { status: expect.any(String) },
      pageCommittedAt: expect.any(Date),
      letters: [],
    });
  });
});
