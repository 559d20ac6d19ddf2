import { createRedisBackend } from "bullmq";
import { Redis } from "ioredis";
import { ask } from "./ask.ts";
import { type HeldLock, keyPrefix, type QueueDriver, type QueueFactory } from "./driver.ts";
import type { ErrorReporter, QueueLogger } from "./error-reporter.ts";
import type { PoolUse } from "./queues.ts";
import { checkRedis } from "./redis-check.ts";
import { type ConnectionOptions, type RedisSettings, redisAddress, redisOptions } from "./redis-settings.ts";

export type RedisDriverOptions = { logger: QueueLogger | undefined; report: ErrorReporter; isReadOnly: boolean };

/**
 * Connects to Redis. Queues and workers share one connection for their short commands; each worker has another to wait
 * on, and the producer has its own.
 *
 * @throws what {@link checkRedis} throws
 */
export async function openRedisDriver(settings: RedisSettings, options: RedisDriverOptions): Promise<QueueDriver> {
  // Whoever only looks writes no jobs that could be lost, but must learn all the same that nobody answers.
  await checkRedis(
    options.isReadOnly ? { ...settings, allowVolatile: true } : settings,
    options.isReadOnly ? undefined : options.logger,
  );
  const connections: Redis[] = [];
  let isClosed = false;
  const connect = (more: ConnectionOptions = {}): Redis => {
    const redis = new Redis({ ...redisOptions(settings), ...more });
    connections.push(redis);
    // Every queue and worker on it listens too.
    redis.setMaxListeners(0);
    redis.on("error", (error) => options.report("redis", error));
    // BullMQ connects anew what waited in vain, even while all is being closed: nobody else would end it then.
    redis.on("connecting", () => isClosed && redis.disconnect());
    return redis;
  };
  const shared = connect();
  // How BullMQ gets the connections that workers wait on: ours to end too, since it cannot while the server is away.
  shared.duplicate = connect;
  const producer = withScriptsToAdd(connect());
  const factoryOn = (connection: Redis): QueueFactory => {
    return (name, given, extra) => createRedisBackend(name, { ...given, connection }, extra);
  };
  return {
    kind: "redis",
    keepsCompleted: true,
    queueFactory: factoryOn(shared),
    producerFactory: factoryOn(producer),
    workerFactory: () => factoryOn(shared),
    ping: async () => void (await ask(`Redis at ${redisAddress(settings)}`, () => shared.ping(), 2_000)),
    connections: () => useOf(connections.filter(({ status }) => status !== "end")),
    renewProducer: (error) => renewWithoutScripts(producer, error),
    locksOf: (queue, workerId) => locksOf(shared, `${keyPrefix}:${queue}`, workerId),
    releaseActive: async () => 0,
    close: async () => {
      isClosed = true;
      for (const redis of connections) redis.disconnect();
    },
  };
}

/** A transaction gets a copy of every script that its connection has, dozens of BullMQ's. A producer runs those that `addFlow` does. */
function withScriptsToAdd(producer: Redis): Redis {
  const define = producer.defineCommand.bind(producer);
  producer.defineCommand = (name, definition) => {
    if (/^(add\w*Job|releaseParentIfNoPendingDependencies):/.test(name)) define(name, definition);
  };
  return producer;
}

/** A token is the worker's id with a number; see BullMQ's `Worker.mainLoop`. */
async function locksOf(redis: Redis, queueKey: string, workerId: string): Promise<HeldLock[]> {
  const jobIds = await redis.lrange(`${queueKey}:active`, 0, -1);
  if (jobIds.length === 0) return [];
  const tokens = await redis.mget(jobIds.map((jobId) => `${queueKey}:${jobId}:lock`));
  return jobIds
    .map((jobId, i) => ({ jobId, token: tokens[i] ?? "" }))
    .filter(({ token }) => token.startsWith(`${workerId}:`));
}

/** One that is down is "waiting"; how many commands each holds back is not to be had. */
function useOf(connections: Redis[]): PoolUse {
  const ready = connections.filter(({ status }) => status === "ready").length;
  return { busy: ready, idle: 0, waiting: connections.length - ready };
}

/**
 * A server that lost its scripts (SCRIPT FLUSH, a fail-over) refuses them inside a transaction, and goes on doing so as
 * long as the client believes them loaded: it believes so per connection.
 */
function renewWithoutScripts(producer: Redis, error: unknown): boolean {
  const isScriptMissing = error instanceof Error && error.message.startsWith("NOSCRIPT");
  if (isScriptMissing) producer.disconnect(true);
  return isScriptMissing;
}
