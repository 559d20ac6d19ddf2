import { ConfigError, InfrastructureError } from "@penstock/core/errors";
import { Redis } from "ioredis";
import { ask, withoutCommand } from "./ask.ts";
import type { QueueLogger } from "./error-reporter.ts";
import { type RedisSettings, redisAddress, redisOptions } from "./redis-settings.ts";

const connectTimeoutMs = 3_000;

/**
 * Looks once whether the Redis answers, and whether it keeps what it is given: BullMQ only warns of a Redis that evicts
 * keys, and of one without append-only file not even that.
 *
 * @throws InfrastructureError `QUEUE_UNAVAILABLE` when nobody answers within some seconds
 * @throws ConfigError `QUEUE_MISCONFIGURED` with what to set
 */
export async function checkRedis(settings: RedisSettings, logger: QueueLogger | undefined): Promise<void> {
  const redis = new Redis({
    ...redisOptions(settings),
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
  });
  // The reason of a failed connection arrives as an event; the promise only says that it failed.
  let reason: unknown;
  redis.on("error", (error) => {
    reason = error;
  });
  try {
    const wrong = await ask(
      `Redis at ${redisAddress(settings)}`,
      () => connectAndRead(redis),
      connectTimeoutMs + 1_000,
    );
    if (wrong.length > 0) refuse(settings, wrong, logger);
  } catch (error) {
    if (reason === undefined || !(error instanceof InfrastructureError)) throw error;
    const cause = withoutCommand(reason);
    throw new InfrastructureError("QUEUE_UNAVAILABLE", `no Redis at ${redisAddress(settings)}: ${cause.message}`, {
      cause,
    });
  } finally {
    redis.disconnect();
  }
}

async function connectAndRead(redis: Redis): Promise<string[]> {
  await redis.connect();
  const settings = await readConfig(redis).catch(() => readInfo(redis));
  const wrong: string[] = [];
  if (settings.policy !== "noeviction") wrong.push(`maxmemory-policy is ${settings.policy}, expected noeviction`);
  if (!settings.isAppendOnly) wrong.push("appendonly is no, expected yes");
  return wrong;
}

type Durability = { policy: string; isAppendOnly: boolean };

async function readConfig(redis: Redis): Promise<Durability> {
  const policy = await readSetting(redis, "maxmemory-policy");
  return { policy, isAppendOnly: (await readSetting(redis, "appendonly")) === "yes" };
}

async function readSetting(redis: Redis, name: string): Promise<string> {
  const answer: unknown = await redis.config("GET", name);
  const value: unknown = Array.isArray(answer) ? answer[1] : undefined;
  if (typeof value !== "string") throw new Error(`Redis does not tell ${name}`);
  return value;
}

/** Managed services refuse CONFIG; INFO tells the same. */
async function readInfo(redis: Redis): Promise<Durability> {
  const info = await redis.info();
  const field = (name: string) => new RegExp(`^${name}:(\\S*)`, "m").exec(info)?.[1];
  return { policy: field("maxmemory_policy") ?? "unknown", isAppendOnly: field("aof_enabled") === "1" };
}

function refuse(settings: RedisSettings, wrong: string[], logger: QueueLogger | undefined): void {
  const problem = `Redis at ${redisAddress(settings)} may lose jobs: ${wrong.join("; ")}`;
  if (settings.allowVolatile !== true) throw new ConfigError("QUEUE_MISCONFIGURED", problem);
  logger?.warn({ wrong }, "Redis may lose jobs, which was allowed");
}
