import { setTimeout as delay } from "node:timers/promises";
import { ConfigError } from "@penstock/core/errors";
import { createPostgresBackend, type PgPool, runMigrations } from "bullmq";
import { Pool } from "pg";
import { ask } from "./ask.ts";
import type { HeldLock, QueueDriver, QueueFactory } from "./driver.ts";
import type { ErrorReporter } from "./error-reporter.ts";
import { patientBackend } from "./patient-backend.ts";
import type { PoolUse } from "./queues.ts";
import { restingBackend } from "./resting-backend.ts";

export type PostgresSettings = { url: string };
export type PostgresDriverOptions = { report: ErrorReporter; isReadOnly: boolean };

const connectTimeoutMs = 5_000;
const retryMs = 500;

/**
 * Connects to BullMQ's tables in schema `bullmq` of a Postgres, and brings them up to date. Queues share one pool; each
 * worker has its own, one connection of which does nothing but wait for notifications.
 *
 * @throws InfrastructureError `QUEUE_UNAVAILABLE` when the server does not answer, or not to us
 * @throws ConfigError `QUEUE_MISSING` when it has no such tables, and is only to be looked at
 */
export async function openPostgresDriver(
  settings: PostgresSettings,
  options: PostgresDriverOptions,
): Promise<QueueDriver> {
  const pools = new Set<Pool>();
  const openPool = (max: number): Pool => {
    const pool = new Pool({
      connectionString: settings.url,
      options: "-c search_path=bullmq",
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      max,
    });
    pool.setMaxListeners(0);
    pool.on("error", (error) => options.report("postgres", error));
    // The pool hears only of idle ones; one that breaks between two queries of its user would end the process.
    pool.on("connect", (client) => client.on("error", (error) => options.report("postgres", error)));
    pools.add(pool);
    return pool;
  };
  const close = async () => void (await Promise.all([...pools].map(endPool)));
  const where = `Postgres at ${address(settings)}`;
  const shared = openPool(6);
  try {
    await ask(where, () => (options.isReadOnly ? requireTables(shared, where) : migrate(shared)), 30_000);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    kind: "postgres",
    keepsCompleted: false,
    queueFactory: factoryOn(shared),
    producerFactory: factoryOn(shared),
    workerFactory: (concurrency) => {
      const factory = factoryOn(openPool(2 + Math.min(concurrency, 4)));
      return (...args) => restingBackend(factory(...args));
    },
    ping: () => ask(where, () => select1(shared), 2_000),
    connections: () => useOf([...pools]),
    renewProducer: () => false,
    locksOf: (queue, workerId) => locksOf(shared, queue, workerId),
    releaseActive: async () => 0,
    close,
  };
}

type Asked = { query(text: string, params: unknown[]): Promise<{ rows: unknown[] }> };

/** A token is the worker's id with a number; see BullMQ's `Worker.mainLoop`. */
export async function locksOf(postgres: Asked, queue: string, workerId: string): Promise<HeldLock[]> {
  const { rows } = await postgres.query(
    `SELECT id AS "jobId", lock_token AS token FROM job
     WHERE queue = $1 AND state = 'active' AND starts_with(lock_token, $2)`,
    [queue, `${workerId}:`],
  );
  return rows as HeldLock[];
}

function useOf(pools: Pool[]): PoolUse {
  const sum = (count: (pool: Pool) => number) => pools.reduce((total, pool) => total + count(pool), 0);
  return {
    busy: sum(({ totalCount, idleCount }) => totalCount - idleCount),
    idle: sum(({ idleCount }) => idleCount),
    waiting: sum(({ waitingCount }) => waitingCount),
  };
}

const factoryOn = (pool: Pool): QueueFactory => {
  const connection = createPatientPool(pool);
  const isEnding = () => pool.ending;
  return (name, given, extra) => patientBackend(createPostgresBackend(name, { ...given, connection }, extra), isEnding);
};

async function select1(pool: Pool): Promise<void> {
  await pool.query("SELECT 1");
}

async function requireTables(pool: Pool, where: string): Promise<void> {
  const { rows } = await pool.query<{ job: string | null }>("SELECT to_regclass('bullmq.job') AS job");
  if (rows[0]?.job === null) throw new ConfigError("QUEUE_MISSING", `${where} has no queues yet`);
}

async function migrate(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client, "bullmq");
  } finally {
    client.release();
  }
}

/**
 * BullMQ asks a new queue's pool for a connection once and remembers a failure for ever; waiting for the server, as its
 * Redis clients do, is what a worker needs. Commands on queues that are connected do fail at once.
 */
function createPatientPool(pool: Pool): PgPool & { options: Pool["options"] } {
  // A pg.Pool is what BullMQ wants, but for how the two describe the overloads of `on`.
  const impatient = pool as unknown as PgPool;
  const connect = async () => {
    for (;;) {
      try {
        return await impatient.connect();
      } catch (error) {
        if (pool.ending) throw error;
        await delay(retryMs);
      }
    }
  };
  const patient: PgPool & { options: Pool["options"] } = {
    options: pool.options,
    connect,
    query: (text: string, params?: readonly unknown[]) => impatient.query(text, params),
    on: () => patient,
    removeAllListeners: () => patient,
    end: async () => undefined,
  };
  return patient;
}

/** Ending waits for connections in use; a server that is away would never give them back. */
async function endPool(pool: Pool): Promise<void> {
  await Promise.race([pool.end(), delay(2_000, undefined, { ref: false })]);
}

function address({ url }: PostgresSettings): string {
  const parsed = URL.parse(url);
  if (parsed === null)
    throw new ConfigError(
      "CONFIG_INVALID",
      "the address of the queue is not of the form postgres://user:password@host:port/database",
    );
  return parsed.host;
}
