import Database from "better-sqlite3";
import { Client } from "pg";
import { tellAccount } from "./own-account.ts";
import { type Row, readPages } from "./read-pages.ts";

/*
 * node ceiling-main.ts <API> <database> <page size>: fetch, parse, validate and write in a plain loop of one process, with one
 * set-based statement for a page. No queue, no checkpoint, no account, nothing that could go on after a failure.
 */

const [api = "", databaseUrl = "", pageSize = ""] = process.argv.slice(2);
const write = databaseUrl.startsWith("file:") ? openSqlite(databaseUrl.slice(5)) : await openPostgres(databaseUrl);
let records = 0;
for await (const rows of readPages(api, Number(pageSize))) {
  await write.page(rows);
  records += rows.length;
}
await tellAccount(records);
await write.close();

type Writer = { page(rows: Row[]): unknown; close(): unknown };

/** With the settings of Penstock's own connection. */
function openSqlite(path: string): Writer {
  const db = new Database(path);
  for (const pragma of [
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "cache_size = -32768",
    "wal_autocheckpoint = 8192",
  ])
    db.pragma(pragma);
  db.exec(
    "CREATE TABLE plain (id TEXT PRIMARY KEY, ts TEXT, value REAL, value_scaled REAL, source TEXT, meta TEXT) WITHOUT ROWID",
  );
  const upsert = db.prepare(`
    INSERT INTO plain SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value -> 5 FROM json_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET ts = excluded.ts, value = excluded.value, value_scaled = excluded.value_scaled,
      source = excluded.source, meta = excluded.meta`);
  const columns = (row: Row) => [row.id, row.ts, row.value, row.value_scaled, row.source, row.meta];
  return { page: (rows) => upsert.run(JSON.stringify(rows.map(columns))), close: () => db.close() };
}

async function openPostgres(url: string): Promise<Writer> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(
    "CREATE TABLE plain (id TEXT PRIMARY KEY, ts TIMESTAMPTZ, value FLOAT8, value_scaled FLOAT8, source TEXT, meta JSONB)",
  );
  const text = `
    INSERT INTO plain SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::float8[], $4::float8[], $5::text[], $6::jsonb[])
    ON CONFLICT (id) DO UPDATE SET ts = excluded.ts, value = excluded.value, value_scaled = excluded.value_scaled,
      source = excluded.source, meta = excluded.meta`;
  const columns = (rows: Row[]) => [
    rows.map(({ id }) => id),
    rows.map(({ ts }) => ts),
    rows.map(({ value }) => value),
    rows.map((row) => row.value_scaled),
    rows.map(({ source }) => source),
    rows.map(({ meta }) => JSON.stringify(meta)),
  ];
  return {
    page: (rows) => client.query({ name: "upsert", text, values: columns(rows) }),
    close: () => client.end(),
  };
}
