import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { postgresUrl, redisUrl } from "./servers.ts";
import { waitUntil } from "./wait-until.ts";

/*
 * Empty databases and queues on the servers of this test run, one per call, so that test files can run at the same time.
 * Use: describe.each(databaseTargets())("store on $name", ({ create }) => { … }). Targets whose server is missing are absent,
 * and the run's report says so.
 */

export type TestDatabase = { url: string; drop(): Promise<void> };
export type DatabaseTarget = { name: "sqlite" | "postgresql"; create(): Promise<TestDatabase> };

export type TestQueue = {
  settings: { kind: "embedded"; dataDir: string } | { kind: "redis"; url: string } | { kind: "postgres"; url: string };
  drop(): Promise<void>;
};
export type QueueTarget = { name: "embedded" | "redis" | "postgres"; create(): Promise<TestQueue> };

/** Every kind of database that can be had here: SQLite always. `url` is what DATABASE_URL takes. */
export function databaseTargets(): DatabaseTarget[] {
  const server = postgresUrl();
  const postgresql = { name: "postgresql" as const, create: () => createPostgresDatabase(server ?? "") };
  return [{ name: "sqlite", create: createSqliteDatabase }, ...(server ? [postgresql] : [])];
}

/** Every kind of queue backend that can be had here: embedded always. */
export function queueTargets(): QueueTarget[] {
  const [redis, postgres] = [redisUrl(), postgresUrl()];
  const targets: (QueueTarget | false)[] = [
    { name: "embedded", create: createEmbeddedQueue },
    redis !== undefined && { name: "redis", create: () => createRedisQueue(redis) },
    postgres !== undefined && { name: "postgres", create: () => createPostgresQueue(postgres) },
  ];
  return targets.filter((target) => target !== false);
}

/** A file of its own, not there yet or a copy of `template`, which nobody may have open. */
export async function createSqliteDatabase(template?: TestDatabase): Promise<TestDatabase> {
  const dir = await mkdtemp(join(tmpdir(), "penstock-sqlite-"));
  const drop = () => rm(dir, { recursive: true, force: true });
  if (template !== undefined) await copyFile(template.url.slice("file:".length), join(dir, "penstock.db"));
  return { url: `file:${join(dir, "penstock.db")}`, drop };
}

/**
 * A fresh database on the server at `server`, empty or as `template`, to which nobody may be connected. `drop` throws out whoever
 * is still connected.
 */
export async function createPostgresDatabase(server: string, template?: TestDatabase): Promise<TestDatabase> {
  const name = `penstock_${randomBytes(6).toString("hex")}`;
  const like = template === undefined ? "" : ` TEMPLATE ${new URL(template.url).pathname.slice(1)}`;
  await asAdministrator(server, `CREATE DATABASE ${name}${like}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asAdministrator(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function asAdministrator(server: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: server });
  // Of a server that stops meanwhile; the query tells.
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function createEmbeddedQueue(): Promise<TestQueue> {
  const dataDir = await mkdtemp(join(tmpdir(), "penstock-queue-"));
  return { settings: { kind: "embedded", dataDir }, drop: () => rm(dataDir, { recursive: true, force: true }) };
}

async function createPostgresQueue(server: string): Promise<TestQueue> {
  const { url, drop } = await createPostgresDatabase(server);
  return { settings: { kind: "postgres", url }, drop };
}

/**
 * A logical database that is empty and that no other test uses. On a server that was given (not started by the tests) the
 * numbers in use are somebody's: they are passed over, and only what was claimed here is flushed.
 */
export async function createRedisQueue(server: string): Promise<TestQueue> {
  const redis = new Redis(server, { db: 0 });
  try {
    const number = await claimLogicalDatabase(redis);
    const url = new URL(server);
    url.pathname = `/${number}`;
    return { settings: { kind: "redis", url: url.href }, drop: () => flushRedis(url.href) };
  } finally {
    await redis.quit();
  }
}

async function claimLogicalDatabase(redis: Redis): Promise<number> {
  const [, setting] = (await redis.config("GET", "databases")) as string[];
  const count = Number(setting);
  for (let tries = 1; tries < count; tries++) {
    await redis.select(0);
    const number = 1 + ((await redis.incr("penstock-test:databases")) % (count - 1));
    await redis.select(number);
    if ((await redis.dbsize()) === 0) return number;
  }
  throw new Error(`None of the ${count} logical databases of the Redis given is empty`);
}

/** Has a Redis forget everything in the logical database that `url` names. */
export async function flushRedis(url: string): Promise<void> {
  const redis = new Redis(url);
  try {
    await redis.flushdb();
  } finally {
    await redis.quit();
  }
}

/** Has BullMQ's tables in a Postgres forget everything, under the workers that are at it: they may lock it out at first. */
export async function flushPostgresQueue(url: string): Promise<void> {
  const truncate = `DO $$ BEGIN EXECUTE (
    SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ')
    FROM pg_tables WHERE schemaname = 'bullmq' AND tablename <> 'migration'
  ); END $$`;
  await waitUntil(() => asAdministrator(url, truncate).then(() => true), { what: "the queue to be emptied" });
}
