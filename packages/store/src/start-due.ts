import type { Reach } from "@penstock/core/failure-points";
import type { JsonValue } from "@penstock/core/json";
import { parentKeyOf } from "@penstock/core/partition";
import { livePartition, type RunMode } from "@penstock/core/run";
import { Prisma } from "../generated/postgresql/client.ts";
import type { Prisma as Client, Transaction } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Dialect } from "./dialect.ts";
import { lockChildStream } from "./due-partitions.ts";
import { readOutputs } from "./record-reads.ts";
import { startRun } from "./runs.ts";
import type { ChildRun, DueRuns, StartDue } from "./store.ts";

/*
 * Due partitions are found by an index that holds nothing else, in the order in which they may be started; how many there
 * are does not matter. Whoever starts runs of a child stream locks the stream, so that no two count its live runs at once. Due
 * rows that somebody else has locked are skipped: starting never waits for the marks of a page.
 */

/** Starts the runs of due partitions, longest due first, as far as `maxLive` allows; see {@link Store.startDueRuns}. */
export async function startDueRuns(connection: Connection, request: StartDue, reach: Reach): Promise<DueRuns> {
  const { db, dialect, ask, transact } = connection;
  if (!(await ask(() => hasWork(db, dialect, request)))) return { started: [], skipped: 0 };
  return transact(async (tx) => {
    const runs = await startInTurn(tx, dialect, request);
    if (runs.started.length > 0) await reach("start-run.in-transaction");
    return runs;
  });
}

/** Looks without a lock: most rounds have nothing to start. */
async function hasWork(db: Client, dialect: Dialect, request: StartDue): Promise<boolean> {
  const [stream] = await db.$queryRaw<{ is_paused: boolean | number; due_since: Date | string | null }[]>`
    SELECT is_paused, due_since FROM checkpoints
    WHERE source = ${request.source} AND stream = ${request.stream} AND partition = ${livePartition}`;
  if (stream === undefined || stream.due_since === null) return true;
  const { slots, now } = await lookAtRuns(db, dialect, request);
  if (stream.is_paused || slots === 0) return false;
  return (await db.$queryRaw<DueRow[]>(duePartitions(dialect, request, now, 1))).length > 0;
}

type DueRow = { partition: string; mode: RunMode };

async function startInTurn(db: Transaction, dialect: Dialect, request: StartDue): Promise<DueRuns> {
  const { isPaused } = await lockChildStream(db, dialect, request);
  if (isPaused) return { started: [], skipped: 0 };
  const { slots, now } = await lookAtRuns(db, dialect, request);
  const due = duePartitions(dialect, request, now, slots);
  const found = await db.$queryRaw<DueRow[]>`${due} ${dialect.skipLocked}`;
  const parents = await parentsOf(db, dialect, request, found);
  const started: ChildRun[] = [];
  for (const { partition, mode } of found) {
    const record = parents.get(partition);
    const parent = record === undefined ? undefined : request.valuesOf(record);
    if (parent === undefined) await dropDue(db, request, partition);
    else started.push({ ...(await startRun(db, dialect, { ...request, partition, mode, takeOver: "none" })), parent });
  }
  return { started, skipped: found.length - started.length };
}

/** How many runs may still be started, and the database's clock to the millisecond, rounded up as that of marks may be. */
async function lookAtRuns(
  db: Client | Transaction,
  dialect: Dialect,
  { source, stream, maxLive }: StartDue,
): Promise<{ slots: number; now: Date }> {
  const [row] = await db.$queryRaw<[{ live: bigint; now: Date | string }]>`
    SELECT count(*) AS live, ${dialect.now} AS now FROM runs
    WHERE source = ${source} AND stream = ${stream} AND status = 'running'`;
  return { slots: Math.max(0, maxLive - Number(row.live)), now: new Date(new Date(row.now).getTime() + 1) };
}

/** The partitions that may be started now, in their order. */
export function duePartitions(
  dialect: Dialect,
  { source, stream }: Pick<StartDue, "source" | "stream">,
  now: Date,
  limit: number,
): Prisma.Sql {
  return Prisma.sql`
    SELECT c.partition, c.due_mode AS mode FROM checkpoints c
    WHERE c.source = ${source} AND c.stream = ${stream} AND c.due_fence IS NOT NULL AND c.next_attempt_at <= ${dialect.instant(now)}
      AND NOT EXISTS (SELECT 1 FROM runs r
        WHERE r.source = c.source AND r.stream = c.stream AND r.partition = c.partition AND r.status = 'running')
    ORDER BY c.next_attempt_at LIMIT ${limit}`;
}

/** The stored records of the parents, by partition. Those that were deleted are not there. */
async function parentsOf(
  db: Transaction,
  dialect: Dialect,
  { source, parent }: StartDue,
  found: DueRow[],
): Promise<Map<string, JsonValue>> {
  const partitions = new Map(found.map(({ partition }) => [parentKeyOf(partition) ?? "", partition]));
  const records = await readOutputs(db, dialect, { source, stream: parent }, [...partitions.keys()]);
  return new Map([...records].map(([key, data]) => [partitions.get(key) ?? "", data]));
}

/** A parent that was deleted, or has not what the child needs, has no children to fetch until it is marked again. */
async function dropDue(db: Transaction, { source, stream }: StartDue, partition: string): Promise<void> {
  await db.$executeRaw`
    UPDATE checkpoints SET due_fence = NULL, due_mode = NULL, due_since = NULL, next_attempt_at = NULL, failures = 0
    WHERE source = ${source} AND stream = ${stream} AND partition = ${partition}`;
}
