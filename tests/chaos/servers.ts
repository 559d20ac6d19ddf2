import {
  createPostgresDatabase,
  createSqliteDatabase,
  flushRedis,
  type TestDatabase,
} from "@penstock/testing/databases";
import type { TestServer } from "@penstock/testing/server-kinds";
import { canStartOwn, startServer } from "@penstock/testing/servers";
import type { Schedule } from "./schedule.ts";

/** Servers that schedules kill and restart; one schedule at a time has them. */
export type Servers = { redis: TestServer; postgres: TestServer };

/** Binaries before containers: they start again in a tenth of the time. */
const ways = ["local", "container"] as const;

/** False on a machine without them, whose test run says that their tests are left out. */
export const hasServers = (): boolean => canStartOwn("redis") && canStartOwn("postgres");

export async function startServers(stack: AsyncDisposableStack): Promise<Servers> {
  const redis = stack.adopt(await startServer("redis", ways), (server) => server.close());
  const postgres = stack.adopt(await startServer("postgres", ways), (server) => server.close());
  return { redis, postgres };
}

/** An empty database and an empty queue. */
export async function provideFor(schedule: Schedule, { redis, postgres }: Servers): Promise<TestDatabase> {
  await flushRedis(redis.url);
  return schedule.database === "sqlite" ? createSqliteDatabase() : createPostgresDatabase(postgres.url);
}
