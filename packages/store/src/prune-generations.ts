import { livePartition } from "@penstock/core/run";
import type { Prisma } from "./client.ts";
import type { Connection } from "./connection.ts";

/** Rows removed in one transaction, so that none is long and SQLite's writers wait for none. */
const rowsAtOnce = 5_000;

type Unread = { source: string; stream: string; below: number | null; above: number | null };

/**
 * Removes the generations that are not read and never will be: those before the one that is read, and those of runs that have ended
 * otherwise. Returns how many rows there were.
 */
export async function pruneGenerations({ db, ask, transact }: Connection): Promise<number> {
  let removed = 0;
  for (;;) {
    const found = (await ask(() => unreadGenerations(db))).filter(
      ({ below, above }) => below !== null || above !== null,
    );
    if (found.length === 0) return removed;
    for (const { source, stream, below, above } of found) {
      removed += await transact(
        (tx) => tx.$executeRaw`
          DELETE FROM records WHERE (source, stream, generation, key) IN (
            SELECT source, stream, generation, key FROM records
            WHERE source = ${source} AND stream = ${stream} AND generation = ${Number(below ?? above)}
            ORDER BY key LIMIT ${rowsAtOnce})`,
      );
    }
  }
}

/** Two look-ups in the index of keys per stream. The live run has the highest fence of all, so what is above it is none. */
async function unreadGenerations(db: Prisma): Promise<Unread[]> {
  return db.$queryRaw<Unread[]>`
    SELECT c.source, c.stream,
      (SELECT min(r.generation) FROM records r WHERE r.source = c.source AND r.stream = c.stream AND r.generation < c.generation) AS below,
      (SELECT min(r.generation) FROM records r WHERE r.source = c.source AND r.stream = c.stream AND r.generation > c.generation
        AND r.generation < COALESCE((SELECT live.fence FROM runs live WHERE live.source = c.source AND live.stream = c.stream
          AND live.partition = ${livePartition} AND live.status = 'running'), 2147483647)) AS above
    FROM checkpoints c WHERE c.partition = ${livePartition}`;
}
