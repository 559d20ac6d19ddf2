import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import {
  createPostgresDatabase,
  createSqliteDatabase,
  flushPostgresQueue,
  flushRedis,
  type TestDatabase,
} from "@penstock/testing/databases";
import type { TestServer } from "@penstock/testing/server-kinds";
import { canStartOwn, startServer } from "@penstock/testing/servers";

export const migrationsRoot = join(import.meta.dirname, "../../prisma");

/** Servers that tests kill and restart, and databases on them that are migrated already, to be copied. */
export type Servers = { redis: TestServer; postgres: TestServer; templates: { [K in DatabaseKind]: TestDatabase } };

export type DatabaseKind = "sqlite" | "postgresql";
export type QueueKind = "redis" | "postgres";

/** An empty database and an empty queue. `loseQueue` has the queue forget everything. */
export type Installation = {
  database: TestDatabase;
  queue: { kind: QueueKind; url: string };
  loseQueue(): Promise<void>;
};

/** Binaries before containers: they start again in a tenth of the time. */
const ways = ["local", "container"] as const;

/** False on a machine without them, whose test run says that their tests are left out. */
export const hasServers = (): boolean => canStartOwn("redis") && canStartOwn("postgres");

export async function startServers(stack: AsyncDisposableStack): Promise<Servers> {
  const redis = stack.adopt(await startServer("redis", ways), (server) => server.close());
  const postgres = stack.adopt(await startServer("postgres", ways), (server) => server.close());
  const sqlite = stack.adopt(await migrated(await createSqliteDatabase()), (made) => made.drop());
  const postgresql = await migrated(await createPostgresDatabase(postgres.url));
  return { redis, postgres, templates: { sqlite, postgresql } };
}

async function migrated(database: TestDatabase): Promise<TestDatabase> {
  const store = await openStore({ url: database.url, migrationsRoot });
  await store.close();
  return database;
}

/** `redisNumber`: the logical database, so that several can be on one Redis. */
export async function install(
  kinds: { database: DatabaseKind; queue: QueueKind; redisNumber?: number },
  servers: Servers,
  stack: AsyncDisposableStack,
): Promise<Installation> {
  const database = stack.adopt(await createDatabase(kinds.database, servers), (made) => clear(made.drop));
  if (kinds.queue === "postgres") {
    const { url } = stack.adopt(await createPostgresDatabase(servers.postgres.url), (made) => clear(made.drop));
    return { database, queue: { kind: "postgres", url }, loseQueue: () => flushPostgresQueue(url) };
  }
  const url = `${servers.redis.url}/${kinds.redisNumber ?? 0}`;
  await flushRedis(url);
  stack.defer(() => clear(() => flushRedis(url)));
  return { database, queue: { kind: "redis", url }, loseQueue: () => flushRedis(url) };
}

/** The server may be down by then, for who has it next: what is left goes with it. */
const clear = (work: () => Promise<void>): Promise<void> => work().catch(() => undefined);

export function createDatabase(kind: DatabaseKind, { postgres, templates }: Servers): Promise<TestDatabase> {
  if (kind === "sqlite") return createSqliteDatabase(templates.sqlite);
  return createPostgresDatabase(postgres.url, templates.postgresql);
}
