import { randomUUID } from "node:crypto";
import type { ErrorCode } from "@penstock/core/error-codes";
import { livePartition, type Run, type RunMode, type RunStatus } from "@penstock/core/run";
import { storableOrNull } from "@penstock/core/storable";
import { Prisma } from "../generated/postgresql/client.ts";
import type { RunModel } from "../generated/postgresql/models/Run.ts";
import { noteAction } from "./audit-log.ts";
import type { Transaction } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import { type EndedRun, settleDue } from "./due-partitions.ts";
import { instantOf } from "./instant-of.ts";
import { keptPrepared } from "./prepared-statements.ts";
import { sourceStateOf } from "./source-states.ts";
import type { Statements } from "./statements.ts";
import type { RunState, StartedRun, StartRun } from "./store.ts";

/** Payloads of ended runs are kept this long for pages that were still on their way. */
const payloadsKeptMs = 3_600_000;

/**
 * Starts a run, or finds the live one. The checkpoint's row is made and locked first, so that of several starters one has its
 * run and the others find it; the unique index on live runs holds the same against whoever does not lock.
 */
export async function startRun(db: Transaction, dialect: Dialect, request: StartRun): Promise<StartedRun> {
  const { source, stream, partition, mode } = request;
  const where = { source, stream, partition };
  await db.$executeRaw`
    INSERT INTO checkpoints (source, stream, partition, updated_at) VALUES (${source}, ${stream}, ${partition}, ${dialect.now})
    ON CONFLICT (source, stream, partition) DO UPDATE SET updated_at = checkpoints.updated_at`;
  const live = await liveRunOf(db, where);
  if (live !== null && !mayTakeOver(request, live.id)) return { run: storedRun(live), isNew: false, superseded: null };
  if (live !== null)
    await endRun(db, dialect, live.id, {
      status: "superseded",
      code: "RUN_SUPERSEDED",
      message: "a newer run took over",
    });
  const checkpoint = await db.checkpoint.update({
    where: { source_stream_partition: where },
    data: { fence: { increment: 1 }, queuedMode: null },
  });
  const id = randomUUID();
  await db.$executeRaw`
    INSERT INTO runs (id, source, stream, partition, fence, mode, status, bound_at_start, started_at)
    VALUES (${id}, ${source}, ${stream}, ${partition}, ${checkpoint.fence}, ${mode}, 'running', ${mode === "full" ? null : checkpoint.bound}, ${dialect.now})`;
  await prunePayloads(db, request);
  const run = await db.run.findUniqueOrThrow({ where: { id } });
  const details = { mode, run: id };
  if (request.author !== undefined)
    await noteAction(db, dialect, { ...request.author, action: "run.start", target: `${source}.${stream}`, details });
  return { run: storedRun(run), isNew: true, superseded: live?.id ?? null };
}

/** Literally `running`: only so does SQLite see that the index on live runs holds what is asked for. */
async function liveRunOf(db: Transaction, { source, stream, partition }: PartitionName) {
  const [live] = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM runs WHERE source = ${source} AND stream = ${stream} AND partition = ${partition} AND status = 'running'`;
  return live === undefined ? null : db.run.findUniqueOrThrow({ where: { id: live.id } });
}

type PartitionName = { source: string; stream: string; partition: string };

function mayTakeOver({ takeOver }: StartRun, runId: string): boolean {
  return takeOver === "any" || (takeOver !== "none" && takeOver.runId === runId);
}

async function prunePayloads(db: Transaction, { source, stream, partition }: StartRun): Promise<void> {
  const ended = await db.run.findMany({
    where: { source, stream, partition, endedAt: { lt: new Date(Date.now() - payloadsKeptMs) } },
    orderBy: { startedAt: "desc" },
    take: 100,
    select: { id: true },
  });
  await db.payload.deleteMany({ where: { runId: { in: ended.map(({ id }) => id) } } });
}

/**
 * Ends a run that is still `running`; false when it was not. The checkpoint is locked first, as page commits do, which
 * decide behind that lock whether their run is still the live one.
 */
export async function endRun(
  db: Transaction,
  dialect: Dialect,
  runId: string,
  end: { status: Exclude<RunStatus, "running">; code?: ErrorCode; message?: string },
): Promise<boolean> {
  const [checkpoint] = await db.$queryRaw<(EndedRun & { failures: number; now: Date | string })[]>`
    SELECT source, stream, partition, fence, failures, ${dialect.now} AS now FROM checkpoints
    WHERE (source, stream, partition) = (SELECT source, stream, partition FROM runs WHERE id = ${runId}) ${dialect.forUpdate}`;
  const ended = await db.$executeRaw`
    UPDATE runs SET status = ${end.status}, error_code = ${end.code ?? null}, error_message = ${storableOrNull(end.message ?? null)}, ended_at = ${dialect.now}
    WHERE id = ${runId} AND status = 'running'`;
  if (ended === 1 && checkpoint !== undefined) await settleDue(db, dialect, checkpoint, end.status, checkpoint);
  return ended === 1;
}

type RunRow = Record<string, unknown>;

/** Run, pause, state of the source and the database's clock, by one statement. The pause is the stream's, kept with its live partition. */
export async function readRun(db: Statements, dialect: Dialect, runId: string): Promise<RunState | undefined> {
  const statement = Prisma.sql`
    SELECT r.id, r.source, r.stream, r.partition, r.fence, r.mode, r.status, r.bound_at_start, r.started_at, r.api_started_at, r.ended_at, r.last_page_at,
      r.committed_seq, r.committed_cursor, r.bound_candidate, r.pages, r.fetched, r.inserted, r.updated, r.unchanged, r.duplicate, r.filtered,
      r.dead_lettered, r.error_code, r.error_message, c.is_paused, ${dialect.now} AS now,
      s.throttled_until, s.throttles, s.breaker, s.failures, s.openings, s.breaker_until, s.probe
    FROM runs r
    LEFT JOIN checkpoints c ON c.source = r.source AND c.stream = r.stream AND c.partition = ${livePartition}
    LEFT JOIN source_states s ON s.source = r.source
    WHERE r.id = ${runId}`;
  const [row] = await db.$queryRaw<RunRow[]>(keptPrepared(statement));
  if (row === undefined) return undefined;
  return {
    run: runOfRow(row),
    isPaused: Boolean(row["is_paused"]),
    source: sourceStateOf(row),
    now: instantOf(row["now"]) as Date,
  };
}

/** Of a row as the database gives it to a raw statement. */
export function runOfRow(row: RunRow): Run {
  const text = (field: string) => row[field] as string;
  const optional = (field: string) => (row[field] ?? null) as string | null;
  const count = (field: string) => Number(row[field]);
  return storedRun({
    id: text("id"),
    source: text("source"),
    stream: text("stream"),
    partition: text("partition"),
    fence: count("fence"),
    mode: text("mode"),
    status: text("status"),
    boundAtStart: optional("bound_at_start"),
    startedAt: instantOf(row["started_at"]) as Date,
    apiStartedAt: instantOf(row["api_started_at"]),
    endedAt: instantOf(row["ended_at"]),
    lastPageAt: instantOf(row["last_page_at"]),
    committedSeq: count("committed_seq"),
    committedCursor: optional("committed_cursor"),
    boundCandidate: optional("bound_candidate"),
    pages: count("pages"),
    fetched: count("fetched"),
    inserted: count("inserted"),
    updated: count("updated"),
    unchanged: count("unchanged"),
    duplicate: count("duplicate"),
    filtered: count("filtered"),
    deadLettered: count("dead_lettered"),
    errorCode: optional("error_code"),
    errorMessage: optional("error_message"),
  });
}

export function storedRun(row: RunModel): Run {
  const {
    id,
    mode,
    status,
    fetched,
    inserted,
    updated,
    unchanged,
    duplicate,
    filtered,
    deadLettered,
    errorCode,
    ...rest
  } = row;
  const { committedCursor: _cursor, boundCandidate: _candidate, lastPageAt: _lastPageAt, ...run } = rest;
  const account = { fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered };
  return {
    ...run,
    runId: id,
    mode: mode as RunMode,
    status: status as RunStatus,
    account,
    errorCode: errorCode as ErrorCode | null,
  };
}
