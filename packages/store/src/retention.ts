import { Prisma } from "../generated/postgresql/client.ts";
import type { Transaction } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Keep, Pruned } from "./store.ts";

/*
 * What is not needed any more goes, in small transactions. Records, checkpoints, open letters and the audit log never do. A run's own
 * row has its account, so its pages may go before it; of every partition the last run that succeeded stays, and all since.
 */

/** Rows that one transaction removes. */
const atOnce = 1_000;

export async function prune({ dialect, transact }: Connection, keep: Keep): Promise<Pruned> {
  const before = (ms: number) => dialect.later(-ms);
  const repeat = (limit: number | null, statement: (before: Prisma.Sql) => Prisma.Sql) =>
    limit === null ? 0 : untilNone((tx) => tx.$executeRaw(statement(before(limit))), transact);
  const pages = await repeat(keep.pagesMs, prunePages);
  const letters = await repeat(keep.lettersMs, pruneLetters);
  const runs = await repeat(keep.runsMs, pruneRuns);
  for (const statement of [pruneWindows, pruneBackfills, pruneReplays, pruneDeletions])
    await repeat(keep.runsMs, statement);
  return { runs, pages, letters };
}

async function untilNone(
  remove: (tx: Transaction) => Promise<number>,
  transact: Connection["transact"],
): Promise<number> {
  for (let removed = 0; ; ) {
    const count = await transact(remove);
    removed += count;
    if (count < atOnce) return removed;
  }
}

/** Of the last success stays the page that tells whether anything has changed since. */
const prunePages = (before: Prisma.Sql) => Prisma.sql`
  DELETE FROM pages WHERE (run_id, seq) IN (
    SELECT p.run_id, p.seq FROM pages AS p JOIN runs AS r ON r.id = p.run_id
    WHERE p.committed_at < ${before} AND r.status <> 'running' AND (p.validator IS NULL OR ${isFollowed})
    ORDER BY p.committed_at LIMIT ${atOnce})`;

const pruneRuns = (before: Prisma.Sql) => Prisma.sql`
  DELETE FROM runs WHERE id IN (
    SELECT r.id FROM runs AS r
    WHERE r.started_at < ${before} AND r.ended_at < ${before} AND (r.mode = 'backfill' OR ${isFollowed})
      AND NOT EXISTS (SELECT 1 FROM pages AS p WHERE p.run_id = r.id)
    ORDER BY r.started_at LIMIT ${atOnce})`;

/** By a later run of its partition that succeeded. */
const isFollowed = Prisma.sql`EXISTS (SELECT 1 FROM runs AS later
    WHERE later.source = r.source AND later.stream = r.stream AND later.partition = r.partition
      AND later.started_at > r.started_at AND later.status = 'succeeded')`;

/** A discarded one that the API still sends has been seen lately. */
const pruneLetters = (before: Prisma.Sql) => Prisma.sql`
  DELETE FROM dead_letters WHERE id IN (
    SELECT id FROM dead_letters WHERE status IN ('resolved', 'discarded') AND last_seen_at < ${before}
    ORDER BY first_seen_at LIMIT ${atOnce})`;

const pruneWindows = (before: Prisma.Sql) => Prisma.sql`
  DELETE FROM backfill_windows WHERE (backfill_id, number) IN (
    SELECT w.backfill_id, w.number FROM backfills AS b JOIN backfill_windows AS w ON w.backfill_id = b.id
    WHERE b.status <> 'running' AND b.ended_at < ${before} LIMIT ${atOnce})`;

const pruneBackfills = (before: Prisma.Sql) => Prisma.sql`
  DELETE FROM backfills WHERE status <> 'running' AND ended_at < ${before}`;

const pruneReplays = (before: Prisma.Sql) => Prisma.sql`DELETE FROM replays WHERE ended_at < ${before}`;

/** The last complete full run is what the next one is compared with. */
const pruneDeletions = (before: Prisma.Sql) => Prisma.sql`
  DELETE FROM deletions WHERE run_id IN (
    SELECT d.run_id FROM deletions AS d WHERE d.settled_at < ${before} AND EXISTS (SELECT 1 FROM deletions AS later
      WHERE later.source = d.source AND later.stream = d.stream AND later.fence > d.fence AND later.is_complete)
    LIMIT ${atOnce})`;
