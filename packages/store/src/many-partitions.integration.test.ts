import { join } from "node:path";
import { databaseTargets } from "@penstock/testing/databases";
import Database from "better-sqlite3";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import type { Prisma } from "../generated/postgresql/client.ts";
import { createBulkValues } from "./bulk-values.ts";
import { postgresql, sqlite } from "./dialect.ts";
import { openStore } from "./open-store.ts";
import { pagesFor } from "./page-of.ts";
import { duePartitions } from "./start-due.ts";
import type { Store } from "./store.ts";

/*
 * A child stream of 100,000 parents beside one of 1,000, in one database: what it costs to find due partitions, to start
 * their runs and to end them must be the same for both. Times are compared by turns, so that a busy machine meets both.
 */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const sizes = { few: 1_000, many: 100_000 };
type Parent = keyof typeof sizes;
const childOf = (parent: Parent) => ({ source: "s", stream: `${parent}_child`, parent });
const atOnce = 16;
const rounds = 5;

/** The parents' records, by one statement: how they are written is shown elsewhere. */
const records = (numbers: string, parent: Parent) => `
  INSERT INTO records (source, stream, key, observed_at, data, hash, run_id, seq, schema_version, first_seen_at, updated_at)
  SELECT 's', '${parent}', 'k' || n, '2026-01-01', '{}', 'h', 'r', 0, 'v', '2026-01-01', '2026-01-01' FROM ${numbers}`;

async function addParents(url: string, parent: Parent): Promise<void> {
  const count = sizes[parent];
  if (url.startsWith("file:")) {
    using database = disposable(new Database(url.slice("file:".length)));
    const numbers = `(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < ${count}) SELECT n FROM t)`;
    database.exec(records(numbers, parent));
  } else await asked(url, records(`generate_series(1, ${count}) AS n`, parent));
}

function disposable(database: Database.Database): Database.Database & Disposable {
  return Object.assign(database, { [Symbol.dispose]: () => void database.close() });
}

async function asked(url: string, text: string, values: unknown[] = []): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** How the database means to find due partitions. */
async function planOf(url: string): Promise<string> {
  const isFile = url.startsWith("file:");
  const dialect = isFile ? sqlite(createBulkValues()) : postgresql(createBulkValues(), () => 0);
  const query: Prisma.Sql = duePartitions(dialect, childOf("many"), new Date(), atOnce);
  if (!isFile) return JSON.stringify(await asked(url, `EXPLAIN ${query.text}`, [...query.values]));
  using database = disposable(new Database(url.slice("file:".length)));
  return JSON.stringify(database.prepare(`EXPLAIN QUERY PLAN ${query.sql}`).all(...query.values));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Starts as many runs as may be live, and ends them with a record each. */
async function round(store: Store, parent: Parent): Promise<{ startMs: number; endMs: number }> {
  const runs: Awaited<ReturnType<Store["startDueRuns"]>>["started"] = [];
  const startMs = await timed(async () => {
    const due = { ...childOf(parent), maxLive: atOnce, valuesOf: () => ({ value: 1 }) };
    runs.push(...(await store.startDueRuns(due)).started);
  });
  expect(runs).toHaveLength(atOnce);
  const endMs = await timed(async () => {
    for (const { run } of runs) {
      const end = await store.commitPage(
        pagesFor(store.dialect)(run, { keys: [`${run.partition} 1`], isLast: true, cursorOut: null }),
      );
      expect(end.runStatus).toBe("succeeded");
    }
  });
  return { startMs, endMs };
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

describe.each(databaseTargets())("partitions on $name", ({ create }) => {
  test("100,000 due partitions cost no more to work on than 1,000", { timeout: 120_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const { url } = stack.adopt(await create(), (created) => created.drop());
    const store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    const times: Record<Parent, { startMs: number; endMs: number }[]> = { few: [], many: [] };
    for (const parent of ["few", "many"] as const) {
      await addParents(url, parent);
      // The first round makes the partitions of all parents that are there.
      await round(store, parent);
    }
    for (let i = 0; i < rounds; i += 1) {
      for (const parent of ["few", "many"] as const) times[parent].push(await round(store, parent));
    }
    const due = (parent: Parent) => sizes[parent] - atOnce * (rounds + 1);
    const states = await store.streamStates();
    expect(states.map(({ checkpoint, partitions }) => [checkpoint.stream, partitions])).toMatchObject([
      ["few_child", { total: sizes.few, due: due("few"), failing: 0 }],
      ["many_child", { total: sizes.many, due: due("many"), failing: 0 }],
    ]);
    expect((await store.freshness()).streams).toMatchObject([
      { stream: "few_child", duePartitions: due("few"), failingPartitions: 0 },
      { stream: "many_child", duePartitions: due("many") },
    ]);
    expect(await planOf(url)).toContain("checkpoints_due_idx");
    for (const step of ["startMs", "endMs"] as const) {
      const [few, many] = [median(times.few.map((each) => each[step])), median(times.many.map((each) => each[step]))];
      // A hundred times as many: whatever looked at all of them would take far more than four times as long.
      expect(many, `${step} of 1,000: ${few}`).toBeLessThan(4 * few + 20);
    }
  });

  test("a page of 5,000 parents marks its children as fast as it is written, though no statistics know them", async () => {
    await using stack = new AsyncDisposableStack();
    const { url } = stack.adopt(await create(), (created) => created.drop());
    const store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
    const { run } = await store.startRun({
      source: "s",
      stream: "p",
      partition: "live",
      mode: "full",
      takeOver: "none",
    });
    const keys = (page: number) => Array.from({ length: 5_000 }, (_, i) => `k${page * 5_000 + i}`);
    const children = [{ stream: "c", refresh: "changed" }] as const;
    const commit = (seq: number, marks: typeof children | []) =>
      timed(() => store.commitPage(pagesFor(store.dialect)(run, { seq, keys: keys(seq), children: marks })));
    const plain = [await commit(0, []), await commit(1, [])];
    const marking = [await commit(2, children), await commit(3, children)];
    // As a join over records without statistics it took sixty times as long.
    expect(Math.min(...marking), `without marks: ${plain}`).toBeLessThan(12 * Math.min(...plain) + 50);
  });
});
