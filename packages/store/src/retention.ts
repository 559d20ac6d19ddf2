import { Prisma } from "../generated/postgresql/client.ts";
import type { Transaction } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Keep, Pruned } from "./store.ts";

/*
 * What is not needed any more goes, in small transactions. Records, checkpoints of streams and their parents, open letters and the audit log never do. A run's own
 * row has its account, so its pages may go before it; of every partition the last run that succeeded stays, and all since.
 */

/** Rows that one transaction removes. */
const atOnce = 1_000;

export async function prune(connection: Connection, keep: Keep): Promise<Pruned> {
  const { dialect, transact } = connection;
  const before = (ms: number) => dialect.later(-ms);
  const repeat = (limit: number | null, statement: (before: Prisma.Sql) => Prisma.Sql) =>
    limit === null ? 0 : untilNone((tx) => tx.$executeRaw(statement(before(limit))), transact);
  const pages = keep.pagesMs === null ? 0 : await prunePages(connection, before(keep.pagesMs));
  const letters = await repeat(keep.lettersMs, pruneLetters);
  const runs = keep.runsMs === null ? 0 : await pruneRuns(connection, before(keep.runsMs));
  for (const statement of [pruneWindowCheckpoints, pruneWindows, pruneBackfills, pruneReplays, pruneDeletions])
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

/**
 * Goes through the old rows by their time, so that those that stay are looked at once, however many there are.
 *
 * @param page the old rows behind a place, in order
 * @param remove those of a page that may go; returns how many
 */
async function walk<Row, Place>(
  first: Place,
  page: (after: Place) => Promise<Row[]>,
  remove: (rows: Row[]) => Promise<number>,
  placeOf: (row: Row) => Place,
): Promise<number> {
  let removed = 0;
  for (let after = first; ; ) {
    const rows = await page(after);
    const last = rows.at(-1);
    if (last === undefined) return removed;
    removed += await remove(rows);
    after = placeOf(last);
  }
}

const beginning = new Date(0);
type OldPage = { run_id: string; seq: number | bigint; committed_at: Date | string };

/** Of the last success stays the page that tells whether anything has changed since. */
function prunePages({ db, dialect, ask, transact }: Connection, before: Prisma.Sql): Promise<number> {
  return walk(
    { at: beginning, runId: "", seq: -1 },
    ({ at, runId, seq }) =>
      ask(
        () => db.$queryRaw<OldPage[]>`
          SELECT run_id, seq, committed_at FROM pages
          WHERE committed_at < ${before} AND committed_at >= ${dialect.instant(at)} AND (committed_at, run_id, seq) > (${dialect.instant(at)}, ${runId}, ${seq})
          ORDER BY committed_at, run_id, seq LIMIT ${atOnce}`,
      ),
    (rows) => {
      const keys = JSON.stringify(rows.map(({ run_id, seq }) => [run_id, Number(seq)]));
      return transact(
        (tx) => tx.$executeRaw`
          DELETE FROM pages WHERE (run_id, seq) IN (
            SELECT p.run_id, p.seq FROM (${dialect.rowsOf(keys, ["text", "integer"])}) AS old
              JOIN pages AS p ON p.run_id = old.c0 AND p.seq = old.c1 JOIN runs AS r ON r.id = p.run_id
            WHERE r.status <> 'running' AND (p.validator IS NULL OR ${isFollowed}))`,
      );
    },
    ({ run_id, seq, committed_at }) => ({ at: new Date(committed_at), runId: run_id, seq: Number(seq) }),
  );
}

type OldRun = { id: string; started_at: Date | string };

function pruneRuns({ db, dialect, ask, transact }: Connection, before: Prisma.Sql): Promise<number> {
  return walk(
    { at: beginning, id: "" },
    ({ at, id }) =>
      ask(
        () => db.$queryRaw<OldRun[]>`
          SELECT id, started_at FROM runs
          WHERE started_at < ${before} AND started_at >= ${dialect.instant(at)} AND (started_at, id) > (${dialect.instant(at)}, ${id})
          ORDER BY started_at, id LIMIT ${atOnce}`,
      ),
    (rows) => {
      const ids = JSON.stringify(rows.map(({ id }) => id));
      return transact(
        (tx) => tx.$executeRaw`
          DELETE FROM runs WHERE id IN (
            SELECT r.id FROM (${dialect.textsOf(ids)}) AS old JOIN runs AS r ON r.id = old.key
            WHERE r.ended_at < ${before} AND (r.mode = 'backfill' OR ${isFollowed})
              AND NOT EXISTS (SELECT 1 FROM pages AS p WHERE p.run_id = r.id))`,
      );
    },
    ({ id, started_at }) => ({ at: new Date(started_at), id }),
  );
}

/** By a later run of its partition that succeeded. */
const isFollowed = Prisma.sql`EXISTS (SELECT 1 FROM runs AS later
    WHERE later.source = r.source AND later.stream = r.stream AND later.partition = r.partition
      AND later.started_at > r.started_at AND later.status = 'succeeded')`;

/** A discarded one that the API still sends has been seen lately. */
const pruneLetters = (before: Prisma.Sql) => Prisma.sql`
  DELETE FROM dead_letters WHERE id IN (
    SELECT id FROM dead_letters WHERE status IN ('resolved', 'discarded') AND last_seen_at < ${before}
    ORDER BY first_seen_at LIMIT ${atOnce})`;

/** Of backfills that failed: nothing can go on from them once their windows are gone. */
const pruneWindowCheckpoints = (before: Prisma.Sql) => Prisma.sql`
  DELETE FROM checkpoints WHERE (source, stream, partition) IN (
    SELECT c.source, c.stream, c.partition FROM backfills AS b JOIN backfill_windows AS w ON w.backfill_id = b.id
      JOIN checkpoints AS c ON c.source = b.source AND c.stream = b.stream AND c.partition = w.partition
    WHERE b.status <> 'running' AND b.ended_at < ${before} LIMIT ${atOnce})`;

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
