import { join } from "node:path";
import { createPostgresDatabase, createSqliteDatabase } from "@penstock/testing/databases";
import { postgresUrl } from "@penstock/testing/servers";
import { canMountDisk, mountDisk } from "@penstock/testing/small-disk";
import { waitUntil } from "@penstock/testing/wait-until";
import Database from "better-sqlite3";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { translateError } from "./errors.ts";
import { openStore } from "./open-store.ts";
import { pagesFor, partition } from "./page-of.ts";
import type { Store } from "./store.ts";

/*
 * States of the database, and not of the data: each is brought about for real, must be told as infrastructure – no attempt is
 * spent then – and must be over as soon as the database is well again, on the same open store.
 */

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const server = postgresUrl();
let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const begin = async (store: Store) =>
  (await store.startRun({ ...partition, mode: "incremental", takeOver: "any" })).run;
const open = async (url: string, options: { poolSize?: number } = {}) =>
  stack.adopt(await openStore({ url, migrationsRoot, ...options }), (opened) => opened.close());
const infrastructure = (code = "DATABASE_UNAVAILABLE") => ({ name: "InfrastructureError", code });

describe("SQLite", () => {
  const pageOf = pagesFor("sqlite");
  test.runIf(canMountDisk())("a full disk is waited for", async () => {
    const disk = stack.use(await mountDisk(4));
    const store = await open(`file:${join(disk.folder, "penstock.db")}`);
    const run = await begin(store);
    await disk.fill(16_384);
    const page = pageOf(run, { keys: Array.from({ length: 2_000 }, (_, i) => `key-${i}`) });
    await expect(store.commitPage(page)).rejects.toMatchObject(infrastructure());
    expect((await store.readRun(run.runId))?.run.pages).toBe(0);
    await disk.makeRoom();
    expect((await store.commitPage(page)).account.inserted).toBe(2_000);
  });

  test("a file that may only be read is the database's state, not the data's", async () => {
    const { url, drop } = await createSqliteDatabase();
    stack.defer(drop);
    await open(url);
    const database = stack.adopt(
      new Database(url.slice("file:".length), { readonly: true }),
      (opened) => void opened.close(),
    );
    const refusal = thrownBy(() => database.exec("UPDATE checkpoints SET fence = 0"));
    expect(refusal).toMatchObject({ code: "SQLITE_READONLY" });
    expect(translateError(refusal, "here")).toMatchObject(infrastructure());
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe.runIf(server !== undefined)("Postgres", () => {
  const pageOf = pagesFor("postgresql");
  async function database() {
    const created = stack.adopt(await createPostgresDatabase(server ?? ""), (made) => made.drop());
    const admin = new Client({ connectionString: server });
    await admin.connect();
    stack.defer(() => admin.end());
    const name = new URL(created.url).pathname.slice(1);
    const disconnect = () =>
      admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
    return { url: created.url, name, admin, disconnect };
  }

  test("a server that became a replica refuses writes until it is one no more", async () => {
    const { url, name, admin, disconnect } = await database();
    const store = await open(url);
    const run = await begin(store);
    await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await disconnect();
    const refusal = async () => {
      const error: unknown = await store.commitPage(pageOf(run)).catch((reason: unknown) => reason);
      // The first attempts may still meet the connections that broke.
      return error instanceof Error && error.message.includes("25006") ? error : undefined;
    };
    expect(await waitUntil(refusal, { what: "a refusal to write" })).toMatchObject(infrastructure());
    await expect(store.ping()).rejects.toMatchObject(infrastructure());
    await admin.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    await disconnect();
    await waitUntil(() => store.commitPage(pageOf(run)), { what: "a commit" });
    await store.ping();
    expect((await store.readRun(run.runId))?.run.pages).toBe(1);
  });

  test("connections that are older than the schema are waited for", async () => {
    const { url, disconnect } = await database();
    const store = await open(url);
    await store.commitPage(pageOf(await begin(store)));
    const restoring = stack.adopt(new Client({ connectionString: url }), (client) => client.end());
    restoring.on("error", () => undefined);
    await restoring.connect();
    await restoring.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    await open(url);
    const page = pageOf(await begin(store));
    await expect(store.commitPage(page)).rejects.toMatchObject(infrastructure());
    await disconnect();
    const committed = await waitUntil(() => store.commitPage(page), { what: "a commit" });
    expect(committed.account.inserted).toBe(3);
  });

  test("too many connections are waited for", async () => {
    const { url, name, admin } = await database();
    const role = `limited_${name}`;
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'limited' CONNECTION LIMIT 1`);
    await admin.query(`ALTER DATABASE ${name} OWNER TO ${role}`);
    stack.defer(async () => {
      await admin.query(`ALTER DATABASE ${name} OWNER TO CURRENT_USER`);
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.query(`DROP ROLE ${role}`);
    });
    const limited = new URL(url);
    limited.username = role;
    limited.password = "limited";
    const store = await open(limited.href, { poolSize: 4 });
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => store.ping()));
    const refused = asked.filter((answer) => answer.status === "rejected").map(({ reason }) => reason);
    expect(refused.length).toBeGreaterThan(0);
    for (const reason of refused) expect(reason).toMatchObject(infrastructure());
    await store.ping();
  });

  test("two pages that lock each other out are both committed", async () => {
    const { url, name, admin } = await database();
    const store = await open(url);
    const run = await begin(store);
    const other = new Client({ connectionString: url });
    await other.connect();
    stack.defer(() => other.end());
    await store.commitPage(pageOf(run, { keys: ["a", "b"] }));
    await other.query("BEGIN");
    await other.query("SELECT 1 FROM checkpoints FOR UPDATE");
    const observedAt = new Date(Date.now() + 60_000);
    const committing = store.commitPage(pageOf(run, { seq: 1, keys: ["a", "b"], observedAt }));
    const isWaiting = async () =>
      (await admin.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1", [name]))
        .rowCount;
    await waitUntil(isWaiting, { what: "the commit to wait for the checkpoint" });
    // It holds the record and wants the checkpoint; this holds the checkpoint and wants the record.
    await other.query("UPDATE records SET seq = seq WHERE key = 'a'").catch(() => undefined);
    await other.query("ROLLBACK");
    expect((await committing).isFirst).toBe(true);
    const count = "SELECT 1 FROM pg_stat_database WHERE datname = $1 AND deadlocks > 0";
    await waitUntil(async () => (await admin.query(count, [name])).rowCount, { what: "a deadlock in the statistics" });
  });

  test("pages that Postgres cannot put in an order are tried again until it can", async () => {
    const { url, name, admin } = await database();
    await admin.query(`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`);
    const store = await open(url);
    const run = await begin(store);
    const other = new Client({ connectionString: url });
    await other.connect();
    stack.defer(() => other.end());
    await other.query("BEGIN");
    await other.query("UPDATE checkpoints SET updated_at = updated_at");
    const committing = store.commitPage(pageOf(run));
    const isWaiting = async () =>
      (await admin.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1", [name]))
        .rowCount;
    await waitUntil(isWaiting, { what: "the commit to wait for the checkpoint" });
    // What it waits for has changed since its snapshot: 40001.
    await other.query("COMMIT");
    expect((await committing).isFirst).toBe(true);
    const rolledBack = "SELECT 1 FROM pg_stat_database WHERE datname = $1 AND xact_rollback > 0";
    const isRolledBack = async () => {
      // A connection that has nothing to do tells what it did after ten seconds; one that is asked, a second after it told last.
      await store.readRun(run.runId);
      return (await admin.query(rolledBack, [name])).rowCount;
    };
    await waitUntil(isRolledBack, { what: "a transaction given up" });
  });

  test("a database that was locked for too long is busy, not broken", async () => {
    const { url, name, admin, disconnect } = await database();
    await admin.query(`ALTER DATABASE ${name} SET lock_timeout = '200ms'`);
    const store = await open(url);
    const run = await begin(store);
    const other = new Client({ connectionString: url });
    other.on("error", () => undefined);
    await other.connect();
    stack.defer(() => other.end());
    await other.query("BEGIN");
    await other.query("SELECT 1 FROM checkpoints FOR UPDATE");
    await expect(store.commitPage(pageOf(run))).rejects.toMatchObject(infrastructure("DATABASE_BUSY"));
    await other.query("ROLLBACK");
    expect((await store.commitPage(pageOf(run))).isFirst).toBe(true);
    await disconnect();
  });
});
