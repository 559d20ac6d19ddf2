import { runMigrations } from "bullmq";
import { beginEmpty } from "./empty-queue.ts";
import { createPglitePool } from "./pglite-pool.ts";
import { openPgliteThread, type PgliteThread } from "./pglite-thread.ts";

/**
 * The Postgres in `folder`, with BullMQ's tables in it: those of before, or new ones.
 *
 * @throws Error what PGlite says when it cannot be opened, or the file system
 */
export async function openEmbeddedDatabase(folder: string): Promise<PgliteThread> {
  await beginEmbeddedDatabase(folder);
  return await openMigrated(folder);
}

/** @throws Error as {@link openEmbeddedDatabase}, of what is made once for all */
export async function beginEmbeddedDatabase(folder: string): Promise<void> {
  await beginEmpty(folder, async (empty) => (await openMigrated(empty)).close());
}

async function openMigrated(folder: string): Promise<PgliteThread> {
  const db = await openPgliteThread(folder);
  try {
    const client = await createPglitePool(db).connect();
    await runMigrations(client, "bullmq");
    client.release();
    await db.exec("SET search_path TO bullmq");
    return db;
  } catch (error) {
    await db.kill();
    throw error;
  }
}
