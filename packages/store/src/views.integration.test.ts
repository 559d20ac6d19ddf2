import { join } from "node:path";
import { databaseTargets } from "@penstock/testing/databases";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { changedRecords, pagesFor, partition } from "./page-of.ts";
import type { Store, StreamView, ViewColumn } from "./store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const viewOf = (columns: ViewColumn[], name = "s_t"): StreamView => ({ source: "s", stream: "t", name, columns });
const allTypes: ViewColumn[] = [
  { name: "title", type: "text" },
  { name: "count", type: "integer" },
  { name: "size", type: "real" },
  { name: "isOpen", type: "boolean" },
  { name: "at", type: "timestamp" },
  { name: "meta", type: "json" },
];

describe.each(databaseTargets())("views on $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  let stack: AsyncDisposableStack;
  let store: Store;
  let url: string;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    url = stack.adopt(await create(), (created) => created.drop()).url;
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  });
  afterEach(() => stack.disposeAsync());

  async function land(...rows: object[]): Promise<void> {
    const { run } = await store.startRun({ ...partition, mode: "incremental", takeOver: "none" });
    const page = pageOf(run, { keys: rows.map((_row, i) => `k${i}`) });
    await store.commitPage({
      ...page,
      records: changedRecords(page, (record, i) => ({ ...record, data: JSON.stringify(rows[i]), hash: `${i}` })),
    });
  }

  test("give every column its type, missing and null fields as NULL", async () => {
    await land(
      { title: "a", count: 3, size: 5, isOpen: true, at: "2026-01-01T10:00:00.000Z", meta: { n: [1] } },
      { title: null, meta: null },
    );
    await store.ensureViews([viewOf(allTypes)]);
    const [full, empty] = await store.queryView(
      'SELECT title, count, size / 2 AS half, "isOpen", at, meta, fetched_at FROM s_t ORDER BY title IS NULL',
    );
    const meta = name === "sqlite" ? '{"n":[1]}' : { n: [1] };
    const isOpen = name === "sqlite" ? 1 : true;
    expect(full).toEqual({
      title: "a",
      count: 3,
      half: 2.5,
      isOpen,
      at: "2026-01-01T10:00:00.000Z",
      meta,
      fetched_at: "2026-01-01T00:00:00.000Z",
    });
    expect(empty).toEqual({
      title: null,
      count: null,
      half: null,
      isOpen: null,
      at: null,
      meta: null,
      fetched_at: "2026-01-01T00:00:00.000Z",
    });
  });

  test("survive rows of an older schema, whatever their fields held, and show none of it under another type", async () => {
    const bad = { count: "three", size: [], isOpen: "yes", at: "yesterday", title: { nested: 1 } };
    const worse = ["2026-02-30T10:00:00Z", "2026-13-01T10:00:00Z", "0000-01-01T00:00:00Z"];
    await land(bad, { count: 1 }, { count: 1e300, at: "2026-01-01T10:00" }, ...worse.map((at) => ({ at })));
    await store.ensureViews([viewOf(allTypes)]);
    expect(await store.queryView("SELECT count(*) AS n FROM s_t")).toMatchObject([{ n: 6 }]);
    const [first] = await store.queryView("SELECT * FROM s_t WHERE title IS NOT NULL");
    expect(first).toMatchObject({ count: null, size: null, isOpen: null, at: null });
    expect(await store.queryView("SELECT count FROM s_t WHERE count = 1")).toHaveLength(1);
  });

  test("give the fields of a nested object columns of their own", async () => {
    await land({ owner: { name: "ada", age: 36 } }, { owner: null }, {});
    const columns: ViewColumn[] = [
      { name: "owner_name", type: "text", path: ["owner", "name"] },
      { name: "owner_age", type: "integer", path: ["owner", "age"] },
    ];
    await store.ensureViews([viewOf(columns)]);
    expect(await store.queryView("SELECT owner_name, owner_age FROM s_t ORDER BY owner_age IS NULL")).toEqual([
      { owner_name: "ada", owner_age: 36 },
      { owner_name: null, owner_age: null },
      { owner_name: null, owner_age: null },
    ]);
  });

  test("are served by the indexes that are declared, which come and go with the declaration", async () => {
    const view = (indexes: string[][]) => ({ ...viewOf(allTypes), indexes });
    await land(...Array.from({ length: 300 }, (_, i) => ({ title: `t${i}`, count: i, at: "2026-01-01T10:00:00Z" })));
    await store.ensureViews([view([])]);
    const names = async () =>
      (
        await store.queryView(
          name === "sqlite"
            ? "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'px%' ORDER BY 1"
            : "SELECT indexname AS name FROM pg_indexes WHERE indexname LIKE 'px%' ORDER BY 1",
        )
      ).map((row) => String(row["name"]));
    const other = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    const declared = [["title"], ["at", "count"]];
    await Promise.all([store.ensureIndexes([view(declared)]), other.ensureIndexes([view(declared)])]);
    const built = await names();
    expect(built).toHaveLength(2);
    const plan = JSON.stringify(
      await store.queryView(
        name === "sqlite"
          ? "EXPLAIN QUERY PLAN SELECT count FROM s_t WHERE title = 't7'"
          : "EXPLAIN SELECT count FROM s_t WHERE title = 't7'",
      ),
    );
    expect(built.some((index) => plan.includes(index))).toBe(true);
    await store.ensureIndexes([view([["title"]])]);
    expect(await names()).toHaveLength(1);
    await store.ensureIndexes([{ ...view([["count"]]), stream: "another" }]);
    expect(await names()).toHaveLength(2);
    await store.ensureIndexes([view([])]);
    expect(await names()).toHaveLength(1);
  });

  test("follow the schema: columns added, removed and retyped, by two processes at once", async () => {
    await land({ count: 41 });
    await store.ensureViews([viewOf([{ name: "count", type: "integer" }])]);
    expect(await store.queryView("SELECT count + 1 AS next FROM s_t")).toEqual([{ next: 42 }]);
    const other = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    const changed = [
      viewOf([
        { name: 'it\'s "new"', type: "text" },
        { name: "count", type: "real" },
      ]),
    ];
    await Promise.all([store.ensureViews(changed), other.ensureViews(changed)]);
    for (const reader of [store, other]) {
      expect(await reader.queryView("SELECT * FROM s_t")).toEqual([
        { 'it\'s "new"': null, count: 41, fetched_at: expect.any(String), _extra: null },
      ]);
    }
  });

  test("do not show a stream's column twice", async () => {
    await land({ fetched_at: "2020-01-01T00:00:00.000Z" });
    await store.ensureViews([viewOf([{ name: "fetched_at", type: "timestamp" }])]);
    expect(await store.queryView("SELECT * FROM s_t")).toEqual([
      { fetched_at: "2020-01-01T00:00:00.000Z", _extra: null },
    ]);
  });

  test("names that collide, with a view or a table, or are too long, are refused", async () => {
    const refused = { name: "ConfigError", code: "SOURCE_INVALID" };
    await expect(store.ensureViews([viewOf([]), { ...viewOf([], "S_T"), stream: "u" }])).rejects.toMatchObject(refused);
    await expect(
      store.ensureViews([{ ...viewOf([], "dead_letters"), source: "dead", stream: "letters" }]),
    ).rejects.toMatchObject(refused);
    await expect(store.ensureViews([viewOf([{ name: "x".repeat(64), type: "text" }])])).rejects.toMatchObject(refused);
  });

  if (name === "postgresql")
    test("keep what was granted, and say so when views of yours stand in the way", async () => {
      const before: ViewColumn[] = [
        { name: "count", type: "integer" },
        { name: "fetched_at", type: "timestamp" },
        { name: "_extra", type: "json" },
      ];
      await store.ensureViews([viewOf(before)]);
      const client = new Client({ connectionString: url });
      await client.connect();
      try {
        await client.query("GRANT SELECT ON s_t TO PUBLIC");
        await store.ensureViews([viewOf([...before, { name: "title", type: "text" }])]);
        const { rows } = await client.query(
          "SELECT 1 FROM information_schema.role_table_grants WHERE table_name = 's_t' AND grantee = 'PUBLIC'",
        );
        expect(rows).toHaveLength(1);
        await client.query("CREATE VIEW mine AS SELECT count FROM s_t");
        const failure = store.ensureViews([viewOf([{ name: "count", type: "text" }])]);
        await expect(failure).rejects.toMatchObject({ name: "ConfigError", message: expect.stringContaining("s_t") });
        expect(await store.queryView("SELECT title FROM s_t")).toEqual([]);
      } finally {
        await client.end();
      }
    });
});
