import { Redis } from "ioredis";
import { Client } from "pg";
import { ask, withoutCommand } from "./ask.ts";
import type { QueueSettings } from "./backend.ts";
import { type RedisSettings, redisAddress, redisOptions } from "./redis-settings.ts";

/** What a queue's server says of itself. */
export type QueueInspection = {
  /** `Redis 8.0.1`, `PostgreSQL 17.2`. */
  version: string;
  /** Its clock. */
  now: Date;
  /** Of Redis: whether it keeps what it is given. */
  policy?: string;
  isAppendOnly?: boolean;
  usedBytes?: number;
  /** 0: as much as there is. */
  maxBytes?: number;
};

const timeoutMs = 4_000;

/**
 * Asks a queue's server, changing nothing; `undefined` for the embedded queue, which has none.
 *
 * @throws InfrastructureError `QUEUE_UNAVAILABLE`
 * @throws ConfigError `CONFIG_INVALID` for an address that is none
 */
export async function inspectQueue(settings: QueueSettings): Promise<QueueInspection | undefined> {
  if (settings.kind === "embedded") return undefined;
  if (settings.kind === "redis") return await inspectRedis(settings);
  return await ask("Postgres that holds the queues", () => inspectPostgres(settings.url), timeoutMs);
}

async function inspectRedis(settings: RedisSettings): Promise<QueueInspection> {
  const never = () => null;
  const redis = new Redis({
    ...redisOptions(settings),
    lazyConnect: true,
    retryStrategy: never,
    sentinelRetryStrategy: never,
  });
  // The reason of a failed connection arrives as an event; the promise only says that it failed.
  let reason: unknown;
  redis.on("error", (error) => {
    reason = error;
  });
  const read = async () => {
    try {
      return await readRedis(redis);
    } catch (error) {
      throw withoutCommand(reason ?? error);
    }
  };
  try {
    return await ask(`Redis at ${redisAddress(settings)}`, read, timeoutMs);
  } finally {
    redis.disconnect();
  }
}

async function readRedis(redis: Redis): Promise<QueueInspection> {
  await redis.connect();
  const info = await redis.info();
  const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number);
  const field = (name: string) => new RegExp(`^${name}:(\\S*)`, "m").exec(info)?.[1];
  return {
    version: `Redis ${field("redis_version") ?? "unknown"}`,
    now: new Date(seconds * 1_000 + microseconds / 1_000),
    policy: field("maxmemory_policy") ?? "unknown",
    isAppendOnly: field("aof_enabled") === "1",
    usedBytes: Number(field("used_memory") ?? 0),
    maxBytes: Number(field("maxmemory") ?? 0),
  };
}

async function inspectPostgres(url: string): Promise<QueueInspection> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: timeoutMs });
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query(
      "SELECT current_setting('server_version') AS version, clock_timestamp() AS now",
    );
    return { version: `PostgreSQL ${rows[0].version}`, now: rows[0].now };
  } finally {
    await client.end();
  }
}
