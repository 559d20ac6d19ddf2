import { randomUUID } from "node:crypto";
import type { AuditedAction, Author } from "@penstock/core/audit";
import type { ErrorCode } from "@penstock/core/error-codes";
import { letterIdentity, type NewLetter } from "@penstock/core/letter";
import { keysOf } from "@penstock/core/record";
import { storable, storableOrNull } from "@penstock/core/storable";
import { storedInstant } from "@penstock/core/stored-instant";
import { Prisma } from "../generated/postgresql/client.ts";
import { noteAction } from "./audit-log.ts";
import type { Transaction } from "./client.ts";
import { RolledBack } from "./connection.ts";
import type { Dialect } from "./dialect.ts";
import { markChildren } from "./due-partitions.ts";
import { lettersOf, oldestFirst, someAtOnce, whereOf } from "./find-letters.ts";
import { upsertRecords } from "./record-upsert.ts";
import { endRun } from "./runs.ts";
import type { Statements } from "./statements.ts";
import type { LetterFilter, PageCommit, RedriveCommit, StoredLetter } from "./store.ts";

const columnTypes = [
  "text",
  "text",
  "text",
  "text",
  "text",
  "text",
  "text",
  "text",
  "text",
  "text",
  "text",
  "text",
  "text",
  "integer",
  "timestamp",
  "text",
] as const;

/** What a letter takes over from its newest observation. */
const observed = ["code", "message", "path", "payload", "run_id", "seq", "trace_id", "observed_at"] as const;
const takeOverNewest = Prisma.raw(
  observed
    .map(
      (column) =>
        `${column} = CASE WHEN excluded.observed_at >= dead_letters.observed_at THEN excluded.${column} ELSE dead_letters.${column} END`,
    )
    .join(", "),
);

/**
 * Writes letters. One met before – by its identity – keeps its id, takes over the newest observation, counts an attempt
 * more, and is open again whatever it was: one being redriven too, since the redrive may have read the payload of before.
 * Only a discarded one stays so while its payload is the same, or discarding would last until the next run.
 * Written in the order of identities, so that two transactions never wait for each other crosswise.
 */
export async function upsertLetters(db: Statements, dialect: Dialect, letters: NewLetter[]): Promise<void> {
  if (letters.length === 0) return;
  const byIdentity = new Map(letters.map((letter) => [letterIdentity(letter), letter]));
  const rows = [...byIdentity]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([identity, letter]) => rowOf(identity, letter));
  await db.$executeRaw`
    INSERT INTO dead_letters (id, identity, source, stream, partition, stage, kind, record_key, code, message, path, payload, run_id, seq, observed_at, trace_id,
      status, first_seen_at, last_seen_at)
    SELECT c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, 'open', ${dialect.now}, ${dialect.now}
    FROM (${dialect.rowsOf(JSON.stringify(rows), columnTypes)}) AS new
    WHERE true
    ON CONFLICT (identity) DO UPDATE SET
      ${takeOverNewest}, last_seen_at = excluded.last_seen_at, attempts = dead_letters.attempts + 1,
      status = CASE WHEN dead_letters.status = 'discarded' AND dead_letters.payload = excluded.payload THEN 'discarded' ELSE 'open' END`;
}

function rowOf(identity: string, letter: NewLetter): (string | number | null)[] {
  const { source, stream, partition, stage, kind, key, code, message, path, payload, runId, seq, observedAt, traceId } =
    letter;
  const texts = [source, stream, partition, stage, kind, key, code, message, path, payload, runId];
  return [randomUUID(), identity, ...texts.map(storableOrNull), seq, storedInstant(observedAt.toISOString()), traceId];
}

/** `cursorIn`: of a page that was requested now. */
type ResolvingPage = Pick<PageCommit, "observedAt" | "letters" | "records"> & {
  run: { source: string; stream: string; partition: string };
  cursorIn: string | null;
};

type StreamOf = { source: string; stream: string };
const openOf = ({ source, stream }: StreamOf) =>
  Prisma.sql`source = ${source} AND stream = ${stream} AND status = 'open'`;

/** Whether there is anything that a page could make good; as a rule there is not. */
export async function hasOpenLetters(db: Statements, stream: StreamOf): Promise<boolean> {
  const [open] = await db.$queryRaw<
    unknown[]
  >`SELECT 1 AS one FROM dead_letters WHERE ${openOf(stream)} AND record_key IS NOT NULL LIMIT 1`;
  return open !== undefined;
}

/**
 * Resolves what this page made good: letters of the keys it committed, and of a request at its cursor. A page that was
 * observed before a letter leaves it open, and so does one that has a bad record of the same key.
 */
export async function resolveByCommit(db: Statements, dialect: Dialect, page: ResolvingPage): Promise<void> {
  const bad = new Set(page.letters.map(({ key }) => key));
  const keys = JSON.stringify(keysOf(page.records).filter((key) => !bad.has(key)));
  await db.$executeRaw`
    UPDATE dead_letters SET status = 'resolved'
    WHERE ${openOf(page.run)} AND observed_at <= ${dialect.instant(page.observedAt)} AND ((kind = 'record' AND record_key IN (${dialect.textsOf(keys)}))
      OR (kind = 'request' AND partition = ${page.run.partition} AND record_key = ${page.cursorIn}))`;
}

/** Letter and run `failed` together; only whoever ends the run writes the letter, so that a job delivered twice writes one. */
export async function settleFetch(db: Transaction, dialect: Dialect, letter: NewLetter): Promise<void> {
  // Letters are locked before checkpoints by everybody.
  await upsertLetters(db, dialect, [letter]);
  const { code, message, runId } = letter;
  if (!(await endRun(db, dialect, runId, { status: "failed", code, message }))) throw new RolledBack();
}

/** What a redriven letter's payload became, and the letter's end, together; nothing when the letter was redriven again since. */
export async function commitRedrive(
  db: Transaction,
  dialect: Dialect,
  redrive: RedriveCommit,
): Promise<{ isResolved: boolean }> {
  const resolved = await db.$executeRaw`
    UPDATE dead_letters SET status = 'resolved' WHERE id = ${redrive.letterId} AND status = 'redriving' AND redrives = ${redrive.redrives}`;
  if (resolved === 0) return { isResolved: false };
  await upsertRecords(db, dialect, redrive, redrive.records);
  await upsertLetters(db, dialect, redrive.letters);
  await markChildren(db, dialect, redrive, redrive);
  return { isResolved: true };
}

/** `open → redriving`, oldest first. */
export async function claimForRedrive(
  db: Transaction,
  dialect: Dialect,
  filter: LetterFilter,
  author: Author,
): Promise<StoredLetter[]> {
  const found = await someAtOnce(filter.ids, (some) =>
    db.deadLetter.findMany({
      where: whereOf({ ...filter, ...some, status: "open" }),
      orderBy: oldestFirst,
      take: filter.limit,
      select: { id: true },
    }),
  );
  const ids = found.slice(0, filter.limit).map(({ id }) => id);
  const claimed = await db.$queryRaw<{ id: string }[]>`
    UPDATE dead_letters SET status = 'redriving', redrives = redrives + 1 WHERE ${stillOpen(dialect, ids)} RETURNING id`;
  const letters = await lettersOf(db, claimed);
  await noteLetters(db, dialect, { ...author, action: "letters.redrive" }, letters);
  return letters;
}

/** Gives open letters up, and says which. */
export async function discardLetters(
  db: Transaction,
  dialect: Dialect,
  ids: string[],
  author: Author,
): Promise<StoredLetter[]> {
  const discarded = await db.$queryRaw<{ id: string }[]>`
    UPDATE dead_letters SET status = 'discarded' WHERE ${stillOpen(dialect, ids)} RETURNING id`;
  const letters = await lettersOf(db, discarded);
  await noteLetters(db, dialect, { ...author, action: "letters.discard" }, letters);
  return letters;
}

/** One entry for each stream: what was done to which of its letters is in the letters themselves. */
async function noteLetters(
  db: Transaction,
  dialect: Dialect,
  entry: Author & { action: AuditedAction },
  letters: StoredLetter[],
): Promise<void> {
  const byStream = Map.groupBy(letters, ({ source, stream }) => `${source}.${stream}`);
  for (const [target, { length }] of byStream)
    await noteAction(db, dialect, { ...entry, target, details: { letters: length } });
}

/** Those of the ids that nobody else has claimed, resolved or discarded meanwhile. */
function stillOpen(dialect: Dialect, ids: string[]): Prisma.Sql {
  return Prisma.sql`id IN (${dialect.textsOf(JSON.stringify(ids))}) AND status = 'open'`;
}

export async function reopenLetter(
  db: Transaction,
  dialect: Dialect,
  letter: { id: string; redrives: number },
  reason: { code: ErrorCode; message: string; path: string | null },
): Promise<boolean> {
  const reopened = await db.$executeRaw`
    UPDATE dead_letters SET status = 'open', attempts = attempts + 1, code = ${reason.code},
      message = ${storable(reason.message)}, path = ${storableOrNull(reason.path)},
      last_seen_at = ${dialect.now}
    WHERE id = ${letter.id} AND status = 'redriving' AND redrives = ${letter.redrives}`;
  return reopened === 1;
}

/**
 * Resolves what requests of earlier runs had failed with, when a later run of the partition has succeeded: it began at a bound that the
 * failed run had not moved, so it has asked for all that the request was for. Of a full run only another one has. Positions of two runs have
 * nothing in common, so no page says the same.
 */
export async function resolveRequests(
  db: Statements,
  dialect: Dialect,
  run: { source: string; stream: string; partition: string; boundAtStart: string | null; startedAt: Date },
): Promise<void> {
  const { source, stream, partition, boundAtStart, startedAt } = run;
  const isCovered =
    boundAtStart === null
      ? Prisma.sql`true`
      : Prisma.sql`NOT EXISTS (SELECT 1 FROM runs AS failed WHERE failed.id = dead_letters.run_id AND failed.mode = 'full')`;
  await db.$executeRaw`
    UPDATE dead_letters SET status = 'resolved'
    WHERE source = ${source} AND stream = ${stream} AND status = 'open' AND kind = 'request' AND partition = ${partition}
      AND observed_at <= ${dialect.instant(startedAt)} AND ${isCovered}`;
}
