import { randomUUID } from "node:crypto";
import type { Account } from "@penstock/core/account";
import type { Author } from "@penstock/core/audit";
import { ConfigError } from "@penstock/core/errors";
import { windowPartition } from "@penstock/core/partition";
import { livePartition } from "@penstock/core/run";
import type { BackfillModel } from "../generated/postgresql/models/Backfill.ts";
import { noteAction } from "./audit-log.ts";
import type { Prisma, Transaction } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Dialect } from "./dialect.ts";
import { endRun, startRun } from "./runs.ts";
import type { Backfill, NewBackfill, StartedWindows } from "./store.ts";

/*
 * A backfill is windows of time, each of them a partition with a checkpoint and runs of its own: the live checkpoint is never
 * touched, and a window whose run died goes on from its own bound. A window is pending until a run of it is started, and its end is part of
 * the transaction that ends the run, so nothing has to be remembered anywhere else.
 */

const maxWindows = 10_000;

/** A new backfill, or the one of the same span that has not succeeded: its failed windows are tried again. */
export async function startBackfill(
  db: Transaction,
  dialect: Dialect,
  request: NewBackfill,
  author: Author,
): Promise<{ backfill: Backfill; isNew: boolean }> {
  const { source, stream, from, to, windowMs, parallel } = request;
  const spans = windowsOf(request);
  const target = `${source}.${stream}`;
  const details = { from: from.toISOString(), to: to.toISOString(), windowMs, parallel, windows: spans.length };
  const same = { source, stream, fromAt: from, toAt: to, windowMs: BigInt(windowMs) };
  const known = await db.backfill.findFirst({ where: { ...same, status: { in: ["running", "failed"] } } });
  const id = known?.id ?? randomUUID();
  await noteAction(db, dialect, { ...author, action: "backfill.start", target, details: { ...details, id } });
  if (known !== null) {
    await db.$executeRaw`
      UPDATE backfill_windows SET status = 'pending', failures = 0, next_attempt_at = ${dialect.now}
      WHERE backfill_id = ${id} AND (status = 'failed' OR (status = 'pending' AND failures > 0))`;
    await db.backfill.update({ where: { id }, data: { status: "running", parallel, endedAt: null } });
    return { backfill: await readBackfill(db, id), isNew: false };
  }
  await db.$executeRaw`
    INSERT INTO backfills (id, source, stream, from_at, to_at, window_ms, parallel, status, started_at)
    VALUES (${id}, ${source}, ${stream}, ${dialect.instant(from)}, ${dialect.instant(to)}, ${windowMs}, ${parallel}, 'running', ${dialect.now})`;
  const rows = spans.map((span, i) => [i, windowPartition({ backfill: id, ...span }), span.from]);
  await db.$executeRaw`
    INSERT INTO backfill_windows (backfill_id, number, partition, status, next_attempt_at)
    SELECT ${id}, c0, c1, 'pending', ${dialect.now} FROM (${dialect.rowsOf(JSON.stringify(rows), ["integer", "text", "text"])}) AS new`;
  await db.$executeRaw`
    INSERT INTO checkpoints (source, stream, partition, bound, updated_at)
    SELECT ${source}, ${stream}, c1, c2, ${dialect.now} FROM (${dialect.rowsOf(JSON.stringify(rows), ["integer", "text", "text"])}) AS new`;
  return { backfill: await readBackfill(db, id), isNew: true };
}

function windowsOf({ source, stream, from, to, windowMs }: NewBackfill): { from: string; to: string }[] {
  const spanMs = to.getTime() - from.getTime();
  const count = Math.ceil(spanMs / windowMs);
  const place = { source, stream };
  if (spanMs <= 0)
    throw new ConfigError(
      "BACKFILL_IMPOSSIBLE",
      `a backfill from ${from.toISOString()} to ${to.toISOString()} has no time in it`,
      place,
    );
  if (count > maxWindows)
    throw new ConfigError(
      "BACKFILL_IMPOSSIBLE",
      `${count} windows are more than the ${maxWindows} that a backfill may have: make them longer`,
      place,
    );
  return Array.from({ length: count }, (_, i) => ({
    from: new Date(from.getTime() + i * windowMs).toISOString(),
    to: new Date(Math.min(from.getTime() + (i + 1) * windowMs, to.getTime())).toISOString(),
  }));
}

/** Newest first. */
export async function listBackfills(db: Prisma, { limit }: { limit: number }): Promise<Backfill[]> {
  const found = await db.backfill.findMany({ orderBy: [{ startedAt: "desc" }, { id: "asc" }], take: limit });
  return Promise.all(found.map((row) => described(db, row)));
}

/** @throws ConfigError `BACKFILL_UNKNOWN` */
export async function readBackfill(db: Prisma | Transaction, id: string): Promise<Backfill> {
  const row = await db.backfill.findUnique({ where: { id } });
  if (row === null) throw new ConfigError("BACKFILL_UNKNOWN", `there is no backfill ${id}`);
  return described(db, row);
}

type Sums = Record<keyof Account, number | bigint | null>;

async function described(db: Prisma | Transaction, row: BackfillModel): Promise<Backfill> {
  const counted = await db.backfillWindow.groupBy({ by: ["status"], where: { backfillId: row.id }, _count: true });
  const of = (status: string) => counted.find((each) => each.status === status)?._count ?? 0;
  const [sums] = await db.$queryRaw<[Sums]>`
    SELECT sum(r.fetched) AS fetched, sum(r.inserted) AS inserted, sum(r.updated) AS updated, sum(r.unchanged) AS unchanged,
      sum(r.duplicate) AS duplicate, sum(r.filtered) AS filtered, sum(r.dead_lettered) AS "deadLettered"
    FROM backfill_windows AS w JOIN runs AS r ON r.source = ${row.source} AND r.stream = ${row.stream} AND r.partition = w.partition
    WHERE w.backfill_id = ${row.id}`;
  const sum = (column: keyof Account) => Number(sums[column] ?? 0);
  return {
    id: row.id,
    source: row.source,
    stream: row.stream,
    from: row.fromAt,
    to: row.toAt,
    windowMs: Number(row.windowMs),
    parallel: row.parallel,
    status: row.status as Backfill["status"],
    startedAt: row.startedAt,
    endedAt: row.endedAt,
    windows: {
      total: counted.reduce((total, { _count }) => total + _count, 0),
      done: of("done"),
      running: of("running"),
      failed: of("failed"),
    },
    account: {
      fetched: sum("fetched"),
      inserted: sum("inserted"),
      updated: sum("updated"),
      unchanged: sum("unchanged"),
      duplicate: sum("duplicate"),
      filtered: sum("filtered"),
      deadLettered: sum("deadLettered"),
    },
  };
}

export async function runningBackfills(db: Prisma): Promise<{ id: string; source: string; stream: string }[]> {
  return db.backfill.findMany({ where: { status: "running" }, select: { id: true, source: true, stream: true } });
}

/**
 * Starts runs of windows, oldest first, as many as may be at once, or ends the backfill when nothing is left. Looks without a
 * transaction first: most rounds have nothing to do.
 */
export async function startWindows({ db, dialect, ask, transact }: Connection, id: string): Promise<StartedWindows> {
  const { next, isOver } = await ask(() => look(db, dialect, id));
  if (next.length === 0 && !isOver) return { started: [], ended: null };
  return transact(async (tx) => {
    await tx.$queryRaw`SELECT id FROM backfills WHERE id = ${id} ${dialect.forUpdate}`;
    const now = await look(tx, dialect, id);
    if (now.isOver) return { started: [], ended: await endBackfill(tx, dialect, id) };
    const { source, stream } = now.backfill ?? {};
    if (source === undefined || stream === undefined) return { started: [], ended: null };
    const started = [];
    for (const { number, partition } of now.next) {
      await tx.backfillWindow.update({
        where: { backfillId_number: { backfillId: id, number } },
        data: { status: "running" },
      });
      started.push(await startRun(tx, dialect, { source, stream, partition, mode: "backfill", takeOver: "none" }));
    }
    return { started, ended: null };
  });
}

type Next = { number: number; partition: string };
type Look = { backfill: BackfillModel | null; next: Next[]; isOver: boolean };

/** What may be started now: nothing while the stream is paused. Over it is when no window is live or waits for a try. */
async function look(db: Prisma | Transaction, dialect: Dialect, id: string): Promise<Look> {
  const backfill = await db.backfill.findUnique({ where: { id } });
  if (backfill?.status !== "running") return { backfill, next: [], isOver: false };
  const { source, stream, parallel } = backfill;
  const where = { source, stream, partition: livePartition, isPaused: true };
  if ((await db.checkpoint.count({ where })) > 0) return { backfill, next: [], isOver: false };
  const live = await db.backfillWindow.count({ where: { backfillId: id, status: "running" } });
  const next = await db.$queryRaw<Next[]>`
    SELECT number, partition FROM backfill_windows
    WHERE backfill_id = ${id} AND status = 'pending' AND next_attempt_at <= ${dialect.later(1)}
    ORDER BY number LIMIT ${Math.max(0, parallel - live)}`;
  return { backfill, next, isOver: live === 0 && next.length === 0 && !(await hasPending(db, id)) };
}

async function hasPending(db: Prisma | Transaction, id: string): Promise<boolean> {
  return (await db.backfillWindow.count({ where: { backfillId: id, status: "pending" }, take: 1 })) > 0;
}

async function endBackfill(db: Transaction, dialect: Dialect, id: string): Promise<"succeeded" | "failed"> {
  const failed = await db.backfillWindow.count({ where: { backfillId: id, status: "failed" } });
  const status = failed > 0 ? "failed" : "succeeded";
  await db.$executeRaw`UPDATE backfills SET status = ${status}, ended_at = ${dialect.now} WHERE id = ${id}`;
  if (status === "succeeded") await dropCheckpoints(db, id);
  return status;
}

/** Nothing will go on from them. */
async function dropCheckpoints(db: Transaction, id: string): Promise<void> {
  await db.$executeRaw`
    DELETE FROM checkpoints WHERE (source, stream, partition) IN (
      SELECT b.source, b.stream, w.partition FROM backfills AS b JOIN backfill_windows AS w ON w.backfill_id = b.id WHERE b.id = ${id})`;
}

/** Ends its live runs; what they committed stays. One that had ended already is returned as it ended. */
export async function cancelBackfill(
  db: Transaction,
  dialect: Dialect,
  id: string,
  author: Author,
): Promise<{ backfill: Backfill; ended: string[]; isCancelled: boolean }> {
  const cancelled = await db.$executeRaw`
    UPDATE backfills SET status = 'cancelled', ended_at = ${dialect.now} WHERE id = ${id} AND status IN ('running', 'failed')`;
  const { source, stream, windows } = await readBackfill(db, id);
  const ended: string[] = [];
  if (cancelled === 1) {
    const running = await db.backfillWindow.findMany({ where: { backfillId: id, status: "running" } });
    const partition = { in: running.map((window) => window.partition) };
    const live = await db.run.findMany({ where: { source, stream, partition, status: "running" } });
    const message = `its backfill was cancelled by ${author.actor}`;
    for (const run of live)
      if (await endRun(db, dialect, run.id, { status: "cancelled", code: "CANCELLED", message })) ended.push(run.id);
    const details = { stream: `${source}.${stream}`, windows: windows.total, done: windows.done };
    await noteAction(db, dialect, { ...author, action: "backfill.cancel", target: id, details });
    await dropCheckpoints(db, id);
  }
  return { backfill: await readBackfill(db, id), ended, isCancelled: cancelled === 1 };
}
