import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { databaseTargets, type TestDatabase } from "@penstock/testing/databases";
import { testDir } from "@penstock/testing/temp-dir";
import Database from "better-sqlite3";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");

describe.each(databaseTargets())("migrations on $name", ({ name, create }) => {
  let database: TestDatabase;
  let root: string;
  beforeEach(async () => {
    database = await create();
    root = await testDir();
    for (const dialect of ["sqlite", "postgresql"])
      await cp(join(migrationsRoot, dialect, "migrations"), join(root, dialect, "migrations"), { recursive: true });
  });
  afterEach(() => database.drop());

  const migrations = () => join(root, name, "migrations");
  const open = () => openStore({ url: database.url, migrationsRoot: root });
  async function add(folder: string, sql: string) {
    await mkdir(join(migrations(), folder));
    await writeFile(join(migrations(), folder, "migration.sql"), sql);
  }
  async function execute(...statements: string[]) {
    if (name === "sqlite") {
      const db = new Database(database.url.slice("file:".length));
      for (const statement of statements) db.exec(statement);
      db.close();
    } else {
      const client = new Client({ connectionString: database.url });
      await client.connect();
      for (const statement of statements) await client.query(statement);
      await client.end();
    }
  }
  async function query(sql: string) {
    const store = await openStore({ url: database.url, migrationsRoot: root, isReadOnly: true });
    const rows = await store.queryView(sql);
    await store.close();
    return rows;
  }

  test("are applied once, however many start at the same time, and noted as Prisma notes them", async () => {
    const stores = await Promise.all([open(), open(), open()]);
    await Promise.all(stores.map((store) => store.close()));
    const names = (await readdir(migrations())).filter((entry) => /^\d{14}_/.test(entry)).sort();
    const rows = await query(
      'SELECT migration_name, checksum, applied_steps_count, rolled_back_at FROM "_prisma_migrations" ORDER BY migration_name',
    );
    const checksum = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(rows).toEqual(
      names.map((migration_name) => ({ migration_name, checksum, applied_steps_count: 1, rolled_back_at: null })),
    );
  });

  test("one that fails leaves nothing", async () => {
    await add("99990101000000_broken", "CREATE TABLE half_way (a INTEGER); CREATE TABLE half_way (a INTEGER);");
    await expect(open()).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("99990101000000_broken"),
    });
    await rm(join(migrations(), "99990101000000_broken"), { recursive: true });
    await (await open()).close();
    const tables =
      name === "sqlite" ? "SELECT name FROM sqlite_master" : "SELECT table_name AS name FROM information_schema.tables";
    expect((await query(tables)).map((row) => row["name"])).not.toContain("half_way");
  });

  test("one edited after it was applied is refused", async () => {
    await (await open()).close();
    const [first = ""] = (await readdir(migrations())).filter((entry) => /^\d{14}_/.test(entry));
    const file = join(migrations(), first, "migration.sql");
    await writeFile(file, `${await readFile(file, "utf8")}\n-- edited`);
    await expect(open()).rejects.toMatchObject({ code: "MIGRATION_CHANGED" });
  });

  test("one that Prisma's own migrate left half-way is refused, and applied once that was rolled back", async () => {
    await add("99990101000000_theirs", "CREATE TABLE theirs (a INTEGER);");
    await (await open()).close();
    await execute(
      `UPDATE "_prisma_migrations" SET finished_at = NULL WHERE migration_name = '99990101000000_theirs'`,
      "DROP TABLE theirs",
    );
    await expect(open()).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("99990101000000_theirs"),
    });
    await execute(
      `UPDATE "_prisma_migrations" SET rolled_back_at = started_at WHERE migration_name = '99990101000000_theirs'`,
    );
    await (await open()).close();
    expect(await query("SELECT count(*) AS n FROM theirs")).toEqual([{ n: 0 }]);
  });

  test("several are applied in the order of their names, each keeping what it did when a later one fails", async () => {
    await add("99990101000001_first", "CREATE TABLE kept (a INTEGER);");
    await add("99990101000002_second", "CREATE TABLE kept (a INTEGER);");
    await expect(open()).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("99990101000002_second"),
    });
    await rm(join(migrations(), "99990101000002_second"), { recursive: true });
    await (await open()).close();
    expect(await query("SELECT count(*) AS n FROM kept")).toEqual([{ n: 0 }]);
  });

  test("whoever may not migrate is told that the database is behind", async () => {
    await (await open()).close();
    await add("99990101000000_newer", "CREATE TABLE newer (a INTEGER);");
    await expect(query("SELECT 1")).rejects.toMatchObject({ code: "DATABASE_BEHIND" });
  });

  test("a database of a newer program is refused", async () => {
    await add("99990101000000_newer", "CREATE TABLE newer (a INTEGER);");
    await (await open()).close();
    await rm(join(migrations(), "99990101000000_newer"), { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: "DATABASE_AHEAD" });
  });
});

test("a Postgres nobody listens on is named, its password not", async () => {
  const failure = await openStore({ url: "postgres://me:hush@127.0.0.1:9/nowhere", migrationsRoot }).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({
    code: "DATABASE_UNAVAILABLE",
    message: expect.stringContaining("127.0.0.1:9/nowhere"),
  });
  expect(String(failure)).not.toContain("hush");
});
