import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import type { NumberedRecord } from "@penstock/core/record";
import { openStore } from "@penstock/store/open-store";
import { pagesFor } from "@penstock/store/page-of";
import { createPostgresDatabase, createSqliteDatabase, type TestDatabase } from "@penstock/testing/databases";
import Database from "better-sqlite3";
import { Client } from "pg";
import { openPrisma } from "./contenders/open-prisma.ts";
import { type MadePage, pageAt, madePageSize as pageSize } from "./made-pages.ts";
import { migrationsRoot, startServers } from "./place.ts";
import { spread } from "./summary.ts";

/*
 * npm run bench:sink -- [--rounds 5] [--rows 10000000]: the sink alone. Pages of 1,000 records of 0.2 kB, made before, through: the page
 * transaction of Penstock, four pages at once, as a transformer has them; its records by one statement through the driver, with nothing around it; Prisma's createMany; an upsert by Prisma
 * for each record. All into the same table. Then the page transaction again when the table has so many rows.
 */

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, rows: { type: "string", default: "10000000" } },
});
const [rounds, rows] = [Number(values.rounds), Number(values.rows)];
const pagesAtOnce = 160;
/** Pages that a transformer works on at once, unless told otherwise. */
const inFlight = 4;
/** As long as a run's, so that the bare statement writes rows of the same size. */
const runId = randomUUID();
type Kind = "postgresql" | "sqlite";
type Way = { name: string; pages: number; write(pages: readonly MadePage[]): Promise<void> };

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
process.stdout.write(
  "| database | way | records/s (least – most) | of the bare statement |\n| --- | --- | --- | --- |\n",
);
for (const kind of ["postgresql", "sqlite"] as const) await compare(kind);
await grow();

async function compare(kind: Kind): Promise<void> {
  await using own = new AsyncDisposableStack();
  const ways = await waysOf(kind, own);
  const speeds = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  let first = 0;
  // The first round finds everything cold, and is not counted.
  for (let round = 0; round <= rounds; round++)
    for (let i = 0; i < ways.length; i++) {
      const way = ways[(round + i) % ways.length];
      if (way === undefined) continue;
      const speed = await speedOf(way, first);
      first += pagesAtOnce;
      if (round > 0) speeds.get(way.name)?.push(speed);
    }
  const bare = speeds.get("bare statement") ?? [];
  for (const [name, all] of speeds) {
    const { median, least, most } = spread(all);
    const share = spread(all.map((speed, i) => speed / (bare[i] ?? Number.NaN))).median.toFixed(2);
    process.stdout.write(`| ${kind} | ${name} | ${count(median)} (${count(least)} – ${count(most)}) | ${share} |\n`);
  }
}

/** Whether it gets slower as the table grows: rows of the same stream, made by the database itself. */
async function grow(): Promise<void> {
  await using own = new AsyncDisposableStack();
  const { url } = own.adopt(await createDatabase("postgresql"), (made) => made.drop());
  const sink = await sinkOf(url, own);
  const client = await connect(url, own);
  const measured: { at: number; speed: number }[] = [];
  let stored = 0;
  await speedOf(sink, 0);
  for (const at of [100_000, rows]) {
    await client.query(
      `INSERT INTO records (source, stream, generation, key, ts, hash, data, observed_at, run_id, seq, schema_version, first_seen_at, updated_at, change)
       SELECT source, stream, generation, 'r' || lpad((7919::bigint * n % ${rows})::text, 12, '0') || n, ts, hash, data, observed_at, run_id, seq, schema_version,
         first_seen_at, updated_at, n
       FROM (SELECT * FROM records LIMIT 1) AS one, generate_series(${stored}, ${at}) AS n ON CONFLICT DO NOTHING`,
    );
    stored = at;
    await client.query("VACUUM ANALYZE records");
    await client.query("CHECKPOINT");
    const speeds = [];
    for (let round = 1; round <= rounds; round++)
      speeds.push(await speedOf(sink, 1_000_000 + at + round * pagesAtOnce));
    measured.push({ at, speed: spread(speeds).median });
  }
  const [small, large] = measured;
  for (const { at, speed } of measured)
    process.stdout.write(`| postgresql, ${count(at)} rows | page transaction | ${count(speed)} | |\n`);
  process.stdout.write(
    `of the speed of the smaller table: ${((large?.speed ?? 0) / (small?.speed ?? 1)).toFixed(2)}\n`,
  );
}

async function speedOf({ pages, write }: Way, first: number): Promise<number> {
  const made = Array.from({ length: pages }, (_, i) => pageAt(first + i));
  const startedAt = performance.now();
  await write(made);
  return (pages * pageSize) / ((performance.now() - startedAt) / 1_000);
}

async function waysOf(kind: Kind, own: AsyncDisposableStack): Promise<Way[]> {
  const url = async () => own.adopt(await createDatabase(kind), (made) => made.drop()).url;
  const prisma = openPrisma(await url());
  own.defer(() => prisma.$disconnect());
  return [
    await sinkOf(await url(), own),
    await bareOf(await url(), own),
    {
      name: "prisma.createMany",
      pages: 10,
      write: async (pages) => {
        for (const { records } of pages) await prisma.row.createMany({ data: records.map(rowOf) });
      },
    },
    {
      name: "prisma.upsert, one by one",
      pages: 2,
      write: async (pages) => {
        for (const row of pages.flatMap(({ records }) => records.map(rowOf))) {
          const { source, stream, generation, key } = row;
          const where = { source_stream_generation_key: { source, stream, generation, key } };
          await prisma.row.upsert({ where, create: row, update: row });
        }
      },
    },
  ];
}

async function sinkOf(url: string, own: AsyncDisposableStack): Promise<Way> {
  const store = own.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  const pageOf = pagesFor(store.dialect);
  const live = { source: "bench", stream: "items", partition: "live", mode: "incremental", takeOver: "any" } as const;
  return {
    name: "page transaction",
    pages: pagesAtOnce,
    write: async (pages) => {
      const { run } = await store.startRun(live);
      const commits = [...pages.entries()].map(
        ([seq, { number, batches }]) =>
          () =>
            store.commitPage(
              pageOf(run, { seq, fetched: pageSize, records: batches[store.dialect], contentHash: String(number) }),
            ),
      );
      await Promise.all(Array.from({ length: inFlight }, () => workOff(commits)));
    },
  };
}

async function workOff(commits: (() => Promise<unknown>)[]): Promise<void> {
  for (let next = commits.shift(); next !== undefined; next = commits.shift()) await next();
}

async function bareOf(url: string, own: AsyncDisposableStack): Promise<Way> {
  const columns =
    "source, stream, generation, key, ts, version, hash, data, extra, observed_at, run_id, seq, schema_version, first_seen_at, updated_at, change";
  const upsert = `ON CONFLICT (source, stream, generation, key) DO UPDATE SET hash = excluded.hash, data = excluded.data,
    observed_at = excluded.observed_at, updated_at = excluded.updated_at WHERE excluded.hash <> records.hash`;
  const statement = await (url.startsWith("file:") ? sqliteStatement : postgresStatement)(url, columns, upsert, own);
  return {
    name: "bare statement",
    pages: pagesAtOnce,
    write: async (pages) => {
      for (const { whole } of pages) await statement(whole);
    },
  };
}

type Statement = (rows: Uint8Array) => Promise<void>;

async function postgresStatement(
  url: string,
  columns: string,
  upsert: string,
  own: AsyncDisposableStack,
): Promise<Statement> {
  const client = await connect(url, own);
  const text = `
    INSERT INTO records (${columns})
    SELECT 'bench', 'items', 0, v->>0, (v->>1)::timestamptz, v->>2, v->>3, (v->>4)::jsonb, (v->>5)::jsonb, now(), '${runId}', 0, 'v1', now(), now(), 1
    FROM jsonb_array_elements(convert_from($1, 'UTF8')::jsonb) AS r(v) WHERE true ${upsert}`;
  return async (rows) => void (await client.query({ name: "upsert", text, values: [rows] }));
}

async function sqliteStatement(
  url: string,
  columns: string,
  upsert: string,
  own: AsyncDisposableStack,
): Promise<Statement> {
  const db = own.adopt(new Database(url.slice("file:".length)), (opened) => void opened.close());
  for (const pragma of ["synchronous = NORMAL", "cache_size = -32768", "wal_autocheckpoint = 8192"]) db.pragma(pragma);
  const prepared = db.prepare(`
    INSERT INTO records (${columns})
    SELECT 'bench', 'items', 0, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, '2026-01-01T00:00:00.000+00:00',
      '${runId}', 0, 'v1', '2026-01-01T00:00:00.000+00:00', '2026-01-01T00:00:00.000+00:00', 1
    FROM jsonb_each(CAST(? AS TEXT)) WHERE true ${upsert}`);
  return async (rows) => void prepared.run(rows);
}

async function connect(url: string, own: AsyncDisposableStack): Promise<Client> {
  const client = own.adopt(new Client({ connectionString: url }), (opened) => opened.end());
  await client.connect();
  return client;
}

function createDatabase(kind: Kind): Promise<TestDatabase> {
  if (kind === "sqlite") return createSqliteDatabase(servers.templates.sqlite);
  return createPostgresDatabase(servers.postgres.url, servers.templates.postgresql);
}

function rowOf({ key, ts, data, hash }: NumberedRecord) {
  const at = new Date(ts ?? 0);
  const times = { ts: at, observedAt: at, firstSeenAt: at, updatedAt: at };
  const identity = { source: "bench", stream: "items", generation: 0, key };
  return { ...identity, ...times, hash, data: JSON.parse(data), runId: "run", seq: 0, schemaVersion: "v1" };
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}
