import type { Author } from "@penstock/core/audit";
import { ConfigError } from "@penstock/core/errors";
import { livePartition, type Run } from "@penstock/core/run";
import { noteAction } from "./audit-log.ts";
import type { Transaction } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import { endRun, storedRun } from "./runs.ts";
import type { BoundChange, Store } from "./store.ts";

/*
 * What is changed by hand: each in one transaction with its entry in the audit log.
 */

export async function setPaused(
  db: Transaction,
  dialect: Dialect,
  { source, stream, isPaused }: { source: string; stream: string; isPaused: boolean },
  author: Author,
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO checkpoints (source, stream, partition, is_paused, updated_at) VALUES (${source}, ${stream}, ${livePartition}, ${isPaused}, ${dialect.now})
    ON CONFLICT (source, stream, partition) DO UPDATE SET is_paused = excluded.is_paused, updated_at = excluded.updated_at`;
  await noteAction(db, dialect, { ...author, action: isPaused ? "pause" : "resume", target: `${source}.${stream}` });
}

/**
 * Moves a bound by hand, forward or back. The fence rises, so that no page of a run before moves it any more. A live run would
 * go on from where it is and move the bound over what was set, so it must have ended.
 */
export async function setBound(
  db: Transaction,
  dialect: Dialect,
  { source, stream, partition, bound }: BoundChange,
  author: Author,
): Promise<{ before: string | null }> {
  const where = { source, stream, partition };
  await db.$executeRaw`
    INSERT INTO checkpoints (source, stream, partition, updated_at) VALUES (${source}, ${stream}, ${partition}, ${dialect.now})
    ON CONFLICT (source, stream, partition) DO UPDATE SET updated_at = excluded.updated_at`;
  const live = await db.run.findFirst({ where: { ...where, status: "running" }, select: { id: true } });
  if (live !== null) throw runIsLive(source, stream, live.id);
  const { bound: before } = await db.checkpoint.findUniqueOrThrow({ where: { source_stream_partition: where } });
  await db.checkpoint.update({
    where: { source_stream_partition: where },
    data: { bound, fence: { increment: 1 } },
  });
  const action = bound === null ? "checkpoint.reset" : "checkpoint.set";
  const details = { partition, before, after: bound };
  await noteAction(db, dialect, { ...author, action, target: `${source}.${stream}`, details });
  return { before };
}

function runIsLive(source: string, stream: string, runId: string): ConfigError {
  return new ConfigError("RUN_ACTIVE", `${source}.${stream} has a live run, ${runId}, which would move its bound`, {
    source,
    stream,
    remedy: `wait for it, or \`penstock cancel ${runId}\``,
  });
}

/** Ends a live run as `cancelled`. Its jobs find that it has ended and do nothing; the bound stays where it is. */
export async function cancelRun(
  db: Transaction,
  dialect: Dialect,
  runId: string,
  author: Author,
): ReturnType<Store["cancelRun"]> {
  const { actor, reason } = author;
  const message = `cancelled by ${actor}${reason === null ? "" : `: ${reason}`}`;
  const isCancelled = await endRun(db, dialect, runId, { status: "cancelled", code: "CANCELLED", message });
  const row = await db.run.findUnique({ where: { id: runId } });
  if (row === null) throw unknownRun(runId);
  const run: Run = storedRun(row);
  const details = { stream: `${run.source}.${run.stream}`, partition: run.partition, pages: run.pages };
  if (isCancelled) await noteAction(db, dialect, { ...author, action: "run.cancel", target: runId, details });
  return { run, isCancelled };
}

function unknownRun(runId: string): ConfigError {
  return new ConfigError("RUN_UNKNOWN", `there is no run ${runId}`);
}
