import { parentKeyOf, parentPartition } from "@penstock/core/partition";
import type { RecordBatch } from "@penstock/core/record";
import { livePartition, type RunMode, type RunStatus } from "@penstock/core/run";
import { Prisma } from "../generated/postgresql/client.ts";
import { noteAction } from "./audit-log.ts";
import { settleWindow } from "./backfill-windows.ts";
import type { Transaction } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import { currentGeneration } from "./generation.ts";
import type { Statements } from "./statements.ts";
import type { ChildStream, DueMark } from "./store.ts";

/*
 * A partition of a child stream is due from when its parent's record is marked until a run has succeeded that was started
 * after the mark. `due_fence` is the smallest fence such a run can have: a run takes the checkpoint's fence plus one, and marks
 * and starts lock the checkpoint's row, so that a mark made while a run is under way asks for another one behind it.
 *
 *   mark            due_fence = fence + 1; may be started at once, or where it failed before when it may be tried again
 *   run succeeds    no longer due if its fence reaches due_fence, else due at once
 *   run fails       due as before, to be tried again later; so a crash at any point leaves it due
 */

const firstRetryMs = 60_000;
const lastRetryMs = 86_400_000;

export type ParentPage = { source: string; stream: string; runId: string; seq: number };

/**
 * Marks the partitions that belong to parents of a page, and makes those that are new: `changed` parents are those whose row
 * this page wrote. Part of the transaction that wrote them. Rows are locked in the order of keys, as by every page.
 *
 * Each key is looked up by itself. As a join, Postgres compared all keys with all records of a stream that is new to its
 * statistics: 18 s for a page of 5,000 records, which take 0.3 s by themselves.
 */
export async function markChildren(
  db: Statements,
  dialect: Dialect,
  { source, stream, runId, seq }: ParentPage,
  { children = [], records }: { children?: readonly ChildStream[]; records: RecordBatch },
): Promise<void> {
  if (records.inputs.length === 0) return;
  for (const child of children) {
    const isWritten = child.refresh === "every-run" ? Prisma.empty : Prisma.sql`AND run_id = ${runId} AND seq = ${seq}`;
    await db.$executeRaw`${insertDue(dialect, { source, stream: child.stream })}
      FROM (${dialect.textsOf(records.keys)}) AS page
      WHERE (SELECT seq FROM records WHERE source = ${source} AND stream = ${stream} AND generation = ${currentGeneration({ source, stream })} AND key = page.key ${isWritten}) IS NOT NULL
      ORDER BY page.key
      ON CONFLICT (source, stream, partition) DO UPDATE SET due_fence = checkpoints.fence + 1,
        due_mode = COALESCE(checkpoints.due_mode, excluded.due_mode),
        due_since = COALESCE(checkpoints.due_since, excluded.due_since),
        next_attempt_at = COALESCE(checkpoints.next_attempt_at, excluded.next_attempt_at)`;
  }
}

/**
 * Locks a child stream as a whole, by the row of its live partition, which has no runs: it holds the pause, and since when
 * parents are marked: those that were stored before the stream was known are marked here, once.
 */
export async function lockChildStream(
  db: Transaction,
  dialect: Dialect,
  { source, stream, parent }: { source: string; stream: string; parent: string },
): Promise<{ isPaused: boolean }> {
  const [row] = await db.$queryRaw<[{ is_paused: boolean | number; due_since: Date | string | null }]>`
    INSERT INTO checkpoints (source, stream, partition, updated_at) VALUES (${source}, ${stream}, ${livePartition}, ${dialect.now})
    ON CONFLICT (source, stream, partition) DO UPDATE SET updated_at = checkpoints.updated_at
    RETURNING is_paused, due_since`;
  if (row.due_since === null) {
    await db.$executeRaw`${insertDue(dialect, { source, stream })}
      FROM records WHERE source = ${source} AND stream = ${parent} AND generation = ${currentGeneration({ source, stream: parent })} AND deleted_at IS NULL
      ORDER BY key
      ON CONFLICT (source, stream, partition) DO NOTHING`;
    await db.$executeRaw`
      UPDATE checkpoints SET due_since = ${dialect.now} WHERE source = ${source} AND stream = ${stream} AND partition = ${livePartition}`;
  }
  return { isPaused: Boolean(row.is_paused) };
}

function insertDue(dialect: Dialect, { source, stream }: { source: string; stream: string }): Prisma.Sql {
  const mode: RunMode = "incremental";
  return Prisma.sql`
    INSERT INTO checkpoints (source, stream, partition, due_fence, due_mode, due_since, next_attempt_at, updated_at)
    SELECT ${source}, ${stream}, ${parentPartition("")} || key, 1, ${mode}, ${dialect.now}, ${dialect.now}, ${dialect.now}`;
}

/** Marks partitions of a child stream for another reason than a parent's page: by hand, or by the stream's own schedule. */
export async function markDue(db: Transaction, dialect: Dialect, mark: DueMark): Promise<void> {
  await lockChildStream(db, dialect, mark);
  const { source, stream, mode } = mark;
  const isFailing = mark.which === "failing";
  const isMeant = isFailing ? Prisma.sql`AND due_fence IS NOT NULL AND failures > 0` : Prisma.empty;
  const startsAt = isFailing ? dialect.now : Prisma.sql`COALESCE(next_attempt_at, ${dialect.now})`;
  await db.$executeRaw`
    UPDATE checkpoints SET due_fence = fence + 1, due_since = COALESCE(due_since, ${dialect.now}), next_attempt_at = ${startsAt},
      due_mode = CASE WHEN due_mode = 'full' THEN due_mode ELSE ${mode} END
    WHERE (source, stream, partition) IN (
      SELECT source, stream, partition FROM checkpoints
      WHERE source = ${source} AND stream = ${stream} AND partition LIKE ${parentPartition("%")} ${isMeant}
      ORDER BY partition ${dialect.forUpdate})`;
  if (mark.author === undefined) return;
  const details = { mode, partitions: mark.which };
  await noteAction(db, dialect, { ...mark.author, action: "run.start", target: `${source}.${stream}`, details });
}

export type EndedRun = { source: string; stream: string; partition: string; fence: number };

/**
 * What the end of a run means for a partition that belongs to a parent, or to a backfill; for others nothing. Part of the
 * transaction that ends the run, behind the checkpoint's lock.
 */
export async function settleDue(
  db: Statements,
  dialect: Dialect,
  run: EndedRun,
  status: RunStatus,
  { failures, now }: { failures: number; now: Date | string },
): Promise<void> {
  await settleWindow(db, dialect, run.partition, status);
  if (parentKeyOf(run.partition) === undefined || status === "superseded") return;
  const change =
    status === "succeeded" ? afterSuccess(run, dialect) : afterFailure(run, dialect, retryAt(failures, new Date(now)));
  await db.$executeRaw`
    UPDATE checkpoints SET ${change}
    WHERE source = ${run.source} AND stream = ${run.stream} AND partition = ${run.partition}`;
}

function afterSuccess({ fence }: EndedRun, dialect: Dialect): Prisma.Sql {
  const ifMarkedSince = (value: Prisma.Sql) => Prisma.sql`CASE WHEN due_fence > ${fence} THEN ${value} END`;
  return Prisma.sql`failures = 0, due_fence = ${ifMarkedSince(Prisma.sql`due_fence`)}, due_mode = ${ifMarkedSince(Prisma.sql`due_mode`)},
    due_since = ${ifMarkedSince(dialect.now)}, next_attempt_at = ${ifMarkedSince(dialect.now)}`;
}

function afterFailure({ fence }: EndedRun, dialect: Dialect, at: Date): Prisma.Sql {
  return Prisma.sql`failures = failures + 1, due_fence = COALESCE(due_fence, ${fence} + 1), due_mode = COALESCE(due_mode, 'incremental'),
    due_since = COALESCE(due_since, ${dialect.now}), next_attempt_at = ${dialect.instant(at)}`;
}

/** A minute, two, four … up to a day. */
function retryAt(failures: number, now: Date): Date {
  return new Date(now.getTime() + Math.min(lastRetryMs, firstRetryMs * 2 ** failures));
}
