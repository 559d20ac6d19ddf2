import { rename } from "node:fs/promises";
import { join } from "node:path";
import { InfrastructureError } from "@penstock/core/errors";
import { createPostgresBackend, type PgPool, runMigrations } from "bullmq";
import { maxStalledCount, type QueueDriver, type QueueFactory } from "./driver.ts";
import { acquireEmbeddedLock, type EmbeddedLock } from "./embedded-lock.ts";
import type { QueueLogger } from "./error-reporter.ts";
import { createPglitePool } from "./pglite-pool.ts";
import { openPgliteThread } from "./pglite-thread.ts";
import { restingBackend } from "./resting-backend.ts";

export type EmbeddedSettings = { dataDir: string };
type Pglite = Awaited<ReturnType<typeof openPgliteThread>>;
export type EmbeddedDriver = QueueDriver & { readonly lock: EmbeddedLock };

/**
 * Opens the queue in `<dataDir>/queue`: a Postgres inside this process, which nobody else can use meanwhile.
 *
 * @throws ConfigError `DATA_DIR_IN_USE`
 * @throws InfrastructureError `QUEUE_UNAVAILABLE` when the folder cannot be written
 */
export async function openEmbeddedDriver(
  settings: EmbeddedSettings,
  logger: QueueLogger | undefined,
): Promise<EmbeddedDriver> {
  const lock = await acquireEmbeddedLock(settings.dataDir);
  try {
    const db = await openOrReplace(join(settings.dataDir, "queue"), logger);
    return createDriver(db, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function createDriver(db: Pglite, lock: EmbeddedLock): EmbeddedDriver {
  const openedAt = Date.now();
  const connection = createPglitePool(db);
  const factory: QueueFactory = (name, given, extra) => createPostgresBackend(name, { ...given, connection }, extra);
  return {
    kind: "embedded",
    keepsCompleted: false,
    queueFactory: factory,
    producerFactory: factory,
    workerFactory:
      () =>
      (...args) =>
        restingBackend(factory(...args)),
    ping: async () => void (await db.query("SELECT 1")),
    connections: () => undefined,
    renewProducer: () => false,
    releaseActive: () => releaseActive(connection, openedAt),
    lock,
    close: async () => {
      await db.close();
      await lock.release();
    },
  };
}

/**
 * A queue whose files are damaged (a power cut; never a killed process) is set aside and a new one begun: what was in
 * it is found missing and fetched again from the last checkpoint, which is in the database.
 */
async function openOrReplace(folder: string, logger: QueueLogger | undefined): Promise<Pglite> {
  try {
    return await openDatabase(folder);
  } catch (error) {
    const aside = `${folder}.damaged-${Date.now()}`;
    logger?.warn({ err: error, folder, aside }, "embedded queue cannot be opened, starting with an empty one");
    await rename(folder, aside);
  }
  try {
    return await openDatabase(folder);
  } catch (cause) {
    throw new InfrastructureError("QUEUE_UNAVAILABLE", `cannot open the embedded queue in ${folder}`, { cause });
  }
}

async function openDatabase(folder: string): Promise<Pglite> {
  const db = await openPgliteThread(folder);
  const client = await createPglitePool(db).connect();
  await runMigrations(client, "bullmq");
  client.release();
  await db.exec("SET search_path TO bullmq");
  return db;
}

/**
 * Hands jobs that a former process left active to the next worker, as the stalled check would do half a minute later:
 * by BullMQ's own function, which counts it as a stall, so that a job that kills its process does not do so for ever.
 */
async function releaseActive(pool: PgPool, openedAt: number): Promise<number> {
  const { rows } = await pool.query<{ queue: string }>(
    `UPDATE job SET stalled_marked = true, locked_until_ms = 0
     WHERE state = 'active' AND processed_at_ms < $1 RETURNING queue`,
    [openedAt],
  );
  for (const queue of new Set(rows.map((row) => row.queue))) {
    await pool.query("DELETE FROM meta WHERE queue = $1 AND field = 'stalled-check'", [queue]);
    await pool.query("SELECT move_stalled_jobs_to_wait($1, $2, $3, 0)", [queue, maxStalledCount, Date.now()]);
  }
  return rows.length;
}
