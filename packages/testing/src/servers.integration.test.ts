import { Redis } from "ioredis";
import { Client } from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { databaseTargets, queueTargets } from "./databases.ts";
import type { TestServer } from "./server-kinds.ts";
import { canStartOwn, startOwnPostgres, startOwnRedis } from "./servers.ts";

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe.runIf(canStartOwn("redis"))("a Redis of one's own", () => {
  it("has its data and its URL again after a kill", async () => {
    server = await startOwnRedis();
    await onRedis(server.url, (redis) => redis.set("page", "7"));
    await server.kill();
    await expect(onRedis(server.url, (redis) => redis.get("page"))).rejects.toThrow();
    await server.start();
    expect(await onRedis(server.url, (redis) => redis.get("page"))).toBe("7");
  });
});

describe.runIf(canStartOwn("postgres"))("a Postgres of one's own", () => {
  it("has its data and its URL again after a kill", async () => {
    server = await startOwnPostgres();
    await onPostgres(server.url, "CREATE TABLE page AS SELECT 7 AS seq");
    await server.kill();
    await expect(onPostgres(server.url, "SELECT seq FROM page")).rejects.toThrow();
    await server.start();
    expect(await onPostgres(server.url, "SELECT seq FROM page")).toEqual([{ seq: 7 }]);
  });
});

describe.each(queueTargets())("queue target $name", ({ name, create }) => {
  it("gives every caller one of its own", async () => {
    const queues = [await create(), await create()];
    const places = queues.map(({ settings }) => (settings.kind === "embedded" ? settings.dataDir : settings.url));
    expect(queues.map(({ settings }) => settings.kind)).toEqual([name, name]);
    expect(new Set(places).size).toBe(2);
    await Promise.all(queues.map((queue) => queue.drop()));
  });
});

describe.each(databaseTargets().filter(({ name }) => name === "postgresql"))("database target $name", ({ create }) => {
  it("is empty, and gone after drop even while somebody is connected", async () => {
    const database = await create();
    const client = new Client({ connectionString: database.url });
    const disconnected = new Promise((resolve) => client.on("error", resolve));
    await client.connect();
    const { rows } = await client.query(
      "SELECT count(*)::int AS tables FROM information_schema.tables WHERE table_schema = 'public'",
    );
    expect(rows).toEqual([{ tables: 0 }]);
    await database.drop();
    await disconnected;
    await expect(onPostgres(database.url, "SELECT 1")).rejects.toThrow(/does not exist/);
  });
});

async function onRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0 });
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

async function onPostgres(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
