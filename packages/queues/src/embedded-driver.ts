import { existsSync } from "node:fs";
import { rename, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InfrastructureError } from "@penstock/core/errors";
import { createPostgresBackend, type IQueueBackend, type PgPool } from "bullmq";
import { maxStalledCount, type QueueDriver, type QueueFactory } from "./driver.ts";
import { openEmbeddedDatabase } from "./embedded-database.ts";
import { acquireEmbeddedLock, type EmbeddedLock } from "./embedded-lock.ts";
import { createErrorReporter, type QueueLogger } from "./error-reporter.ts";
import { type LastingPglite, lastingPglite } from "./lasting-pglite.ts";
import { patientBackend } from "./patient-backend.ts";
import { createPglitePool } from "./pglite-pool.ts";
import type { PgliteThread } from "./pglite-thread.ts";
import { locksOf } from "./postgres-driver.ts";
import { restingBackend } from "./resting-backend.ts";

export type EmbeddedSettings = { dataDir: string };
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
    const folder = join(settings.dataDir, "queue");
    const report = createErrorReporter(logger);
    const first = await openOrReplace(folder, logger);
    const db = lastingPglite(
      first,
      () => openEmbeddedDatabase(folder),
      (error) => report("embedded", error),
    );
    return createDriver(db, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function createDriver(db: LastingPglite, lock: EmbeddedLock): EmbeddedDriver {
  const openedAt = Date.now();
  const connection = createPglitePool(db);
  let isClosing = false;
  const working = new Map<IQueueBackend, string>();
  const factory: QueueFactory = (name, given, extra) => {
    const backend = patientBackend(createPostgresBackend(name, { ...given, connection }, extra), () => isClosing);
    // BullMQ knows workers by the names of their connections, and here all share one.
    backend.getClientList = async () => [[...working.values()].map((queue) => `name=${queue}`).join("\n")];
    return backend;
  };
  const workerFactory: QueueFactory = (name, given, extra) => {
    const backend = restingBackend(factory(name, given, extra));
    const close = backend.close.bind(backend);
    backend.close = (force) => {
      working.delete(backend);
      return close(force);
    };
    working.set(backend, name);
    return backend;
  };
  return {
    kind: "embedded",
    keepsCompleted: false,
    queueFactory: factory,
    producerFactory: factory,
    workerFactory: () => workerFactory,
    ping: async () => void (await connection.query("SELECT 1")),
    connections: () => undefined,
    renewProducer: () => false,
    locksOf: (queue, workerId) => locksOf(connection, queue, workerId),
    releaseActive: () => releaseActive(connection, openedAt),
    lock,
    close: async () => {
      isClosing = true;
      try {
        await db.close();
      } finally {
        await lock.release();
      }
    },
  };
}

/** A Postgres that starts writes its log anew, a file of 16 MB. */
const leastRoomBytes = 32 * 1024 * 1024;

/**
 * A queue whose files are damaged (a power cut; never a killed process) is set aside and a new one begun: what was in
 * it is found missing and fetched again from the last checkpoint, which is in the database.
 */
async function openOrReplace(folder: string, logger: QueueLogger | undefined): Promise<PgliteThread> {
  try {
    return await openEmbeddedDatabase(folder);
  } catch (error) {
    await requireRoom(dirname(folder), error);
    if (!existsSync(folder)) throw cannotOpen(folder, error);
    const aside = `${folder}.damaged-${Date.now()}`;
    logger?.warn({ err: error, folder, aside }, "embedded queue cannot be opened, starting with an empty one");
    await rename(folder, aside);
  }
  try {
    return await openEmbeddedDatabase(folder);
  } catch (cause) {
    throw cannotOpen(folder, cause);
  }
}

function cannotOpen(folder: string, cause: unknown): InfrastructureError {
  return new InfrastructureError("QUEUE_UNAVAILABLE", `cannot open the embedded queue in ${folder}`, { cause });
}

/** Nothing can be opened on a full disk, and what does not open for that is not damaged. */
async function requireRoom(dataDir: string, cause: unknown): Promise<void> {
  const { bavail, bsize } = await statfs(dataDir);
  const megabytes = Math.floor((bavail * bsize) / (1024 * 1024));
  if (bavail * bsize >= leastRoomBytes) return;
  const message = `cannot open the embedded queue in ${dataDir}: there is no room, ${megabytes} MB are free`;
  throw new InfrastructureError("QUEUE_UNAVAILABLE", message, { cause, remedy: "make room on the disk" });
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
