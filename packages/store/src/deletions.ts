import type { Author } from "@penstock/core/audit";
import type { DriftCount } from "@penstock/core/drift";
import { ConfigError } from "@penstock/core/errors";
import { keysOf } from "@penstock/core/record";
import { livePartition } from "@penstock/core/run";
import { storable } from "@penstock/core/storable";
import type { DeletionModel } from "../generated/postgresql/models/Deletion.ts";
import { noteAction } from "./audit-log.ts";
import type { Prisma, Transaction } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import type { Statements } from "./statements.ts";
import type { Deletion, DeletionFilter, DeletionStatus, PageCommit } from "./store.ts";

/*
 * What full runs miss has been deleted at the API. Every run of the stream notes by its fence which keys it saw, those of
 * dead-lettered items included; a full run that succeeded leaves a row in `deletions`, which `settle-deletions.ts` works off.
 */

/** Whether the page tells the key of every record it may have had: of what the contract drops nobody knows it. */
export function seesAll({ deletions, letters, drift = [] }: PageCommit): boolean {
  if (deletions === undefined || drift.some(isDropped)) return false;
  return letters.length === 0 || (!deletions.isTransformed && letters.every(({ key }) => key !== null));
}

function isDropped({ kind, action }: DriftCount): boolean {
  return kind === "missingField" && action === "discard";
}

/** Part of the page transaction. The fence of a late page of an older run changes nothing. */
export async function noteSeen(db: Statements, dialect: Dialect, page: PageCommit): Promise<void> {
  const { run, deletions } = page;
  const keys = seenKeys(page);
  if (deletions === undefined || run.partition !== livePartition || keys === "[]") return;
  await db.$executeRaw`
    INSERT INTO seen_keys (source, stream, key, fence)
    SELECT ${run.source}, ${run.stream}, seen.key, ${run.fence} FROM (${dialect.textsOf(keys)}) AS seen
    WHERE true
    ON CONFLICT (source, stream, key) DO UPDATE SET fence = excluded.fence WHERE excluded.fence > seen_keys.fence`;
}

/** Sorted, so that two transactions never wait for each other crosswise. */
function seenKeys({ records, letters }: PageCommit): string {
  const ofLetters = letters.flatMap(({ key }) => (key === null ? [] : storable(key)));
  if (ofLetters.length === 0) return records.keys;
  return JSON.stringify([...new Set([...keysOf(records), ...ofLetters])].sort((a, b) => (a < b ? -1 : 1)));
}

type EndedRun = { id: string; boundAtStart: string | null; startedAt: Date };

/** Part of the transaction in which a run succeeds. */
export async function noteDeletionRun(
  db: Statements,
  dialect: Dialect,
  { run, deletions }: PageCommit,
  { id, boundAtStart, startedAt }: EndedRun,
): Promise<void> {
  if (deletions === undefined || run.partition !== livePartition || boundAtStart !== null) return;
  const { kind, most } = deletions.brake;
  await db.$executeRaw`
    INSERT INTO deletions (run_id, source, stream, fence, started_at, status, brake_kind, brake_at, found_at)
    VALUES (${id}, ${run.source}, ${run.stream}, ${run.fence}, ${dialect.instant(startedAt)}, 'new', ${kind}, ${most}, ${dialect.now})`;
}

/** Newest first. */
export async function listDeletions(
  db: Prisma,
  { source, stream, status, limit }: DeletionFilter,
): Promise<Deletion[]> {
  const where = {
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(status !== undefined && { status }),
  };
  const found = await db.deletion.findMany({ where, orderBy: [{ foundAt: "desc" }, { runId: "desc" }], take: limit });
  return found.map(storedDeletion);
}

export async function readDeletion(db: Prisma | Transaction, runId: string): Promise<Deletion> {
  const found = await db.deletion.findUnique({ where: { runId } });
  if (found !== null) return storedDeletion(found);
  throw new ConfigError("DELETION_UNKNOWN", `run ${runId} is no full run of a stream whose deletions are detected`);
}

export async function decideDeletion(
  db: Transaction,
  dialect: Dialect,
  { runId, isApproved }: { runId: string; isApproved: boolean },
  author: Author,
): Promise<Deletion> {
  const decided = isApproved
    ? await db.$executeRaw`
        UPDATE deletions SET status = 'deleting', scanned_key = NULL WHERE run_id = ${runId} AND status = 'waiting'`
    : await db.$executeRaw`
        UPDATE deletions SET status = 'rejected', settled_at = ${dialect.now} WHERE run_id = ${runId} AND status = 'waiting'`;
  const deletion = await readDeletion(db, runId);
  const { source, stream, status, missing, known } = deletion;
  if (decided === 0) {
    const message = `what run ${runId} of ${source}.${stream} found gone waits for no decision: it is ${status}`;
    throw new ConfigError("DELETION_SETTLED", message, { source, stream });
  }
  const action = isApproved ? "deletions.approve" : "deletions.reject";
  const details = { stream: `${source}.${stream}`, missing, known };
  await noteAction(db, dialect, { ...author, action, target: runId, details });
  return deletion;
}

export function storedDeletion(row: DeletionModel): Deletion {
  const { runId, source, stream, reason, known, missing, missedOnce, deleted, foundAt, settledAt } = row;
  return {
    runId,
    source,
    stream,
    status: row.status as DeletionStatus,
    reason,
    brake: { kind: row.brakeKind === "count" ? "count" : "share", most: row.brakeAt },
    known,
    missing,
    missedOnce,
    deleted,
    sample: (row.sample ?? []) as string[],
    foundAt,
    settledAt,
  };
}
