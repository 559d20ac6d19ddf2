import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaBetterSqlite3 } from "@prisma/adapter-better-sqlite3";
import { PrismaClient as PgClient, Prisma } from "../generated/postgresql/client.ts";
import { PrismaClient as SqClient } from "../generated/sqlite/client.ts";
import { readFileSync, rmSync } from "node:fs";
import { hash } from "node:crypto";
const N = 1000, PAGES = 40;
const rows = (p: number, v: number) => Array.from({ length: N }, (_, i) => {
  const key = `rec-${String((p * N + i) * 7919 % 1000003).padStart(8, "0")}`;
  const data = JSON.stringify({ id: key, ts: "2026-01-01T00:00:00.000Z", value: i + v, value_scaled: (i + v) * 100, source: "external_api", fetched_at: "2026-01-01T00:00:00.000Z", meta: { tag: "abcdefgh", n: i, note: "lorem ipsum dolor sit" } });
  return { key, ts: new Date(1767225600000 + i * 1000).toISOString(), version: null, data, hash: hash("sha256", data, "hex") };
}).sort((a, b) => (a.key < b.key ? -1 : 1));
const obs = (v: number) => new Date(1767225600000 + v * 60000).toISOString();
async function time(label: string, f: (p: number) => Promise<unknown>) {
  const t = performance.now(); let r: unknown;
  for (let p = 0; p < PAGES; p++) r = await f(p);
  const ms = performance.now() - t; console.log(label.padEnd(40), Math.round(PAGES * N / ms * 1000), "rows/s", JSON.stringify(r)?.slice(0, 60));
}
const upd = `ON CONFLICT (source, stream, key) DO UPDATE SET ts=excluded.ts, version=excluded.version, hash=excluded.hash, data=excluded.data, observed_at=excluded.observed_at, run_id=excluded.run_id, seq=excluded.seq, schema_version=excluded.schema_version, updated_at=excluded.updated_at, deleted_at=NULL, revision=records.revision+1
WHERE (excluded.hash <> records.hash OR records.deleted_at IS NOT NULL) AND (excluded.version IS NOT NULL, COALESCE(excluded.version,''), excluded.observed_at) > (records.version IS NOT NULL, COALESCE(records.version,''), records.observed_at)`;
const cols = `INSERT INTO records (source, stream, key, ts, version, hash, data, observed_at, run_id, seq, schema_version, first_seen_at, updated_at)`;
const which = process.argv[2];
if (which === "pg") {
  const url = process.argv[3]!;
  const db = new PgClient({ adapter: new PrismaPg({ connectionString: url, max: 4 }) });
  const forms: Record<string, (b: ReturnType<typeof rows>, v: number) => Prisma.Sql> = {
    elements: (b, v) => Prisma.sql`${Prisma.raw(cols)} SELECT 's','t',(r.v->>0),(r.v->>1)::timestamptz,(r.v->>2),(r.v->>3),(r.v->>4)::jsonb,${obs(v)}::timestamptz,'run',1,'sv',now(),now() FROM jsonb_array_elements(${JSON.stringify(b.map((x) => [x.key, x.ts, x.version, x.hash, x.data]))}::jsonb) AS r(v) ${Prisma.raw(upd)}`,
    recordset: (b, v) => Prisma.sql`${Prisma.raw(cols)} SELECT 's','t',key,ts,version,hash,data::jsonb,${obs(v)}::timestamptz,'run',1,'sv',now(),now() FROM json_to_recordset(${JSON.stringify(b)}::json) AS r(key text, ts timestamptz, version text, data text, hash text) ${Prisma.raw(upd)}`,
    unnest: (b, v) => Prisma.sql`${Prisma.raw(cols)} SELECT 's','t',key,ts,version,hash,data::jsonb,${obs(v)}::timestamptz,'run',1,'sv',now(),now() FROM unnest(${b.map((x) => x.key)}::text[], ${b.map((x) => x.ts)}::timestamptz[], ${b.map((x) => x.version)}::text[], ${b.map((x) => x.hash)}::text[], ${b.map((x) => x.data)}::text[]) AS r(key, ts, version, hash, data) ${Prisma.raw(upd)}`,
  };
  for (const [name, form] of Object.entries(forms)) {
    await db.$executeRawUnsafe("DROP TABLE IF EXISTS records");
    const ddl = readFileSync("prisma/postgresql/migrations/20261122000000_init/migration.sql", "utf8");
    await db.$executeRawUnsafe(ddl.match(/CREATE TABLE "records"[\s\S]*?\);/)![0]);
    for (const [v, label] of [[0, "insert"], [0, "unchanged"], [1, "update"]] as const)
      await time(`pg ${name} ${label} count-cte`, (p) => db.$transaction((tx) => tx.$queryRaw(Prisma.sql`WITH w AS (${form(rows(p, v), v)} RETURNING revision) SELECT count(*) FILTER (WHERE revision = 1) AS i, count(*) AS n FROM w`)));
  }
  await time("making rows only", async (p) => rows(p, 0).length);
  await db.$disconnect();
} else {
  for (const wr of ["", " WITHOUT ROWID"]) for (const check of [false, true]) {
    rmSync("/tmp/bench/x.db", { force: true }); rmSync("/tmp/bench/x.db-wal", { force: true }); rmSync("/tmp/bench/x.db-shm", { force: true });
    const db = new SqClient({ adapter: new PrismaBetterSqlite3({ url: "file:/tmp/bench/x.db" }) });
    await db.$queryRawUnsafe("PRAGMA journal_mode=WAL"); await db.$queryRawUnsafe("PRAGMA synchronous=NORMAL");
    const ddl = readFileSync("prisma/sqlite/migrations/20261122000000_init/migration.sql", "utf8");
    let t = ddl.match(/CREATE TABLE "records"[\s\S]*?\)( WITHOUT ROWID)?;/)![0].replace(/\);$/, `)${wr};`);
    if (check) t = t.replace('"data" JSONB NOT NULL', '"data" JSONB NOT NULL CHECK (json_valid("data"))');
    await db.$executeRawUnsafe(t);
    const form = (b: ReturnType<typeof rows>, v: number) => Prisma.sql`${Prisma.raw(cols)} SELECT 's','t',r.value->>0,r.value->>1,r.value->>2,r.value->>3,r.value->>4,${obs(v)},'run',1,'sv',${obs(9)},${obs(9)} FROM json_each(${JSON.stringify(b.map((x) => [x.key, x.ts, x.version, x.hash, x.data]))}) AS r WHERE true ${Prisma.raw(upd)}`;
    for (const [v, label] of [[0, "insert"], [0, "unchanged"], [1, "update"]] as const)
      await time(`sqlite${wr} check=${check} ${label} returning`, (p) => db.$transaction((tx) => tx.$queryRaw(Prisma.sql`${form(rows(p, v), v)} RETURNING revision`)));
    await db.$executeRawUnsafe("DELETE FROM records");
    for (const [v, label] of [[0, "insert"], [0, "unchanged"], [1, "update"]] as const)
      await time(`sqlite${wr} check=${check} ${label} changes+count`, (p) => db.$transaction(async (tx) => { const b = rows(p, v);
        await tx.$executeRaw`DELETE FROM records WHERE false`;
        const [c] = await tx.$queryRaw<{n: bigint}[]>`SELECT count(*) AS n FROM json_each(${JSON.stringify(b.map((x) => x.key))}) j JOIN records r ON r.source='s' AND r.stream='t' AND r.key = j.value`;
        return [Number(c!.n), await tx.$executeRaw(form(b, v))]; }));
    await db.$disconnect();
  }
  await time("making rows only", async (p) => rows(p, 0).length);
}
