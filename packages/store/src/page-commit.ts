import { type Account, imbalance, outcomes } from "@penstock/core/account";
import { extendPrefix, type Prefix } from "@penstock/core/chain";
import { laterCursor, nextBound } from "@penstock/core/cursor";
import { PermanentError } from "@penstock/core/errors";
import type { Reach } from "@penstock/core/failure-points";
import { Prisma } from "../generated/postgresql/client.ts";
import { noteDeletionRun, noteSeen, seesAll } from "./deletions.ts";
import type { Dialect } from "./dialect.ts";
import { markChildren, settleDue } from "./due-partitions.ts";
import { resolveByCommit, resolveRequests, upsertLetters } from "./letters.ts";
import { type LiveRun, readLiveRun, type WaitingPage } from "./live-run.ts";
import { keepRawPage } from "./raw-pages.ts";
import { upsertRecords } from "./record-upsert.ts";
import { endOf, type RunEnd } from "./run-end.ts";
import { noteDrift } from "./schema-drift.ts";
import type { Statements } from "./statements.ts";
import type { CommittedPage, PageCommit } from "./store.ts";

/** How far ahead of the database's clock an event time may be and still count as the watermark. */
const watermarkSlackMs = 3_600_000;

/**
 * The page transaction. The page's row comes first: a second delivery of the page waits there for the first, and SQLite
 * takes its write lock before anything is read. Records and letters of every content are written; the account is kept for
 * the first only. Last, the checkpoint is locked, and only behind that lock are the run read and the prefix computed, since
 * another page's commit may just have extended it. Everybody locks the checkpoint before the run.
 */
export async function commitPage(
  db: Statements,
  dialect: Dialect,
  page: PageCommit,
  reach: Reach,
): Promise<CommittedPage> {
  const isFirst = await insertPage(db, dialect, page);
  await reach("commit.page-inserted");
  const { run, seq, observedAt, schemaVersion, writeMode } = page;
  const origin = { ...run, seq, observedAt, schemaVersion, writeMode, replacesWhileRunning: true } as const;
  const { rowsWritten, ...upserted } = await upsertRecords(db, dialect, origin, page.records);
  await noteSeen(db, dialect, page);
  await keepRawPage(db, dialect, page);
  await reach("commit.records-written");
  await resolveByCommit(db, dialect, page);
  if (isFirst || (await isOtherContent(db, page))) {
    await upsertLetters(db, dialect, page.letters);
    await markChildren(db, dialect, origin, page);
  }
  await reach("commit.letters-written");
  const { fetched, duplicate, filtered, deadLettered } = page;
  const account: Account = { fetched, ...upserted, duplicate, filtered, deadLettered };
  requireBalance(page, account);
  if (isFirst) await keepAccount(db, page, account);
  const checkpoint = await lockCheckpoint(db, dialect, page);
  await reach("commit.checkpoint-locked");
  const moved = await moveOn(db, dialect, { page, checkpoint, account: isFirst ? account : undefined, reach });
  await reach("commit.checkpoint-moved");
  const newDrift = isFirst ? await noteDrift(db, dialect, origin, page.drift ?? []) : [];
  return { account, rowsWritten, isFirst, newDrift, ...moved };
}

/** An input without an outcome may be a lost record: rather a page given up whole, with a letter, than one that counts wrong. */
function requireBalance({ run: { source, stream }, seq }: PageCommit, account: Account): void {
  const missing = imbalance(account);
  if (missing === 0) return;
  const message = `the account of page ${seq} of ${source}.${stream} does not add up: ${missing} of ${account.fetched} records have no outcome`;
  throw new PermanentError("ACCOUNT_VIOLATED", message, { source, stream, seq });
}

async function insertPage(db: Statements, dialect: Dialect, page: PageCommit): Promise<boolean> {
  const { run, seq, cursorIn, cursorOut, isLast, endStatus, endCode, contentHash, validator, bound } = page;
  const inserted = await db.$executeRaw`
    INSERT INTO pages (run_id, seq, cursor_in, cursor_out, is_last, end_status, end_code, content_hash, validator, bound_candidate, sees_all, observed_at, committed_at)
    VALUES (${run.runId}, ${seq}, ${cursorIn}, ${cursorOut}, ${isLast}, ${endStatus}, ${endCode}, ${contentHash}, ${validator}, ${bound.candidate},
      ${seesAll(page)}, ${dialect.instant(page.observedAt)}, ${dialect.now})
    ON CONFLICT (run_id, seq) DO NOTHING`;
  return inserted === 1;
}

async function isOtherContent(db: Statements, page: PageCommit): Promise<boolean> {
  const [first] = await db.$queryRaw<{ content_hash: string }[]>`
    SELECT content_hash FROM pages WHERE run_id = ${page.run.runId} AND seq = ${page.seq}`;
  return first?.content_hash !== page.contentHash;
}

async function keepAccount(db: Statements, { run, seq }: PageCommit, account: Account): Promise<void> {
  const { fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered } = account;
  await db.$executeRaw`
    UPDATE pages SET fetched = ${fetched}, inserted = ${inserted}, updated = ${updated}, unchanged = ${unchanged},
      duplicate = ${duplicate}, filtered = ${filtered}, dead_lettered = ${deadLettered}
    WHERE run_id = ${run.runId} AND seq = ${seq}`;
}

type LockedCheckpoint = {
  bound: string | null;
  fence: number;
  watermark: Date | string | null;
  failures: number;
  now: Date | string;
};
type Moved = Pick<CommittedPage, "runStatus" | "bound" | "endedRun">;

async function lockCheckpoint(
  db: Statements,
  dialect: Dialect,
  page: PageCommit,
): Promise<LockedCheckpoint | undefined> {
  const { source, stream, partition } = page.run;
  const [checkpoint] = await db.$queryRaw<LockedCheckpoint[]>`
    SELECT bound, fence, watermark, failures, ${dialect.now} AS now FROM checkpoints
    WHERE source = ${source} AND stream = ${stream} AND partition = ${partition} ${dialect.forUpdate}`;
  return checkpoint;
}

type Step = {
  page: PageCommit;
  checkpoint: LockedCheckpoint | undefined;
  /** To be added to the run's; not again for a page that was delivered before. */
  account: Account | undefined;
  reach: Reach;
};

/** Brings run and checkpoint as far as the page allows, each by one statement. */
async function moveOn(db: Statements, dialect: Dialect, { page, checkpoint, account, reach }: Step): Promise<Moved> {
  const { runId, fence } = page.run;
  const found = await readLiveRun(db, runId);
  const run = found && account ? { ...found, ...sumOf(found, account) } : found;
  const isLive = run?.status === "running" && checkpoint?.fence === fence;
  const next = isLive ? await advanced(db, dialect, { page, checkpoint, run }) : undefined;
  if (next !== undefined || account !== undefined)
    await db.$executeRaw`UPDATE runs SET ${Prisma.join([...counted(dialect, account), ...moved(dialect, next)])} WHERE id = ${runId}`;
  await reach("commit.run-counted");
  if (!isLive || next === undefined)
    return { runStatus: run?.status ?? "superseded", bound: checkpoint?.bound ?? null, endedRun: false };
  await moveCheckpoint(db, dialect, page, { checkpoint, next });
  const { end, bound } = next;
  if (end?.status === "succeeded") {
    await noteDeletionRun(db, dialect, page, run);
    await resolveRequests(db, dialect, run);
  }
  if (end !== undefined) await settleDue(db, dialect, page.run, end.status, checkpoint);
  return { runStatus: end?.status ?? "running", bound, endedRun: end !== undefined };
}

function sumOf(run: Account, page: Account): Account {
  const columns = ["fetched", ...outcomes] as const;
  return Object.fromEntries(columns.map((column) => [column, run[column] + page[column]])) as Account;
}

function counted(dialect: Dialect, account: Account | undefined): Prisma.Sql[] {
  if (account === undefined) return [];
  const { fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered } = account;
  return [
    Prisma.sql`pages = pages + 1, last_page_at = ${dialect.now}, fetched = fetched + ${fetched}, inserted = inserted + ${inserted},
      updated = updated + ${updated}, unchanged = unchanged + ${unchanged}, duplicate = duplicate + ${duplicate},
      filtered = filtered + ${filtered}, dead_lettered = dead_lettered + ${deadLettered}`,
  ];
}

function moved(dialect: Dialect, next: Advanced | undefined): Prisma.Sql[] {
  if (next === undefined) return [];
  const { prefix, candidate, end } = next;
  const moves = Prisma.sql`committed_seq = ${prefix.seq}, committed_cursor = ${prefix.cursorOut}, bound_candidate = ${candidate}`;
  if (end === undefined) return [moves];
  return [
    moves,
    Prisma.sql`status = ${end.status}, error_code = ${end.code}, error_message = ${end.message}, ended_at = ${dialect.now}`,
  ];
}

type Extended = { prefix: Prefix; candidate: string | null; last: WaitingPage | undefined };
type Advanced = Extended & { end: RunEnd | undefined; bound: string | null };
type Live = { page: PageCommit; checkpoint: LockedCheckpoint; run: LiveRun };

async function advanced(db: Statements, dialect: Dialect, { page, checkpoint, run }: Live): Promise<Advanced> {
  const extended = extend(page, run);
  const end = await endOf(db, dialect, { page, run, last: extended.last });
  const movesNow = page.bound.moves === "page" || (page.bound.moves === "run" && end?.status === "succeeded");
  const bound = movesNow ? boundOf(page, run, checkpoint, extended.candidate) : checkpoint.bound;
  return { ...extended, end, bound };
}

function extend(page: PageCommit, { waiting, ...run }: LiveRun): Extended {
  const known: Prefix = { seq: run.committedSeq, cursorOut: run.committedCursor, isComplete: false };
  const prefix = extendPrefix(known, waiting);
  const added = waiting.filter(({ seq }) => seq <= prefix.seq);
  const candidate = added.reduce(
    (latest, { boundCandidate }) => laterCursor(page.bound.kind, latest, boundCandidate),
    run.boundCandidate,
  );
  return { prefix, candidate, last: prefix.isComplete ? added.at(-1) : undefined };
}

async function moveCheckpoint(
  db: Statements,
  dialect: Dialect,
  page: PageCommit,
  { checkpoint, next: { end, bound } }: { checkpoint: LockedCheckpoint; next: Advanced },
): Promise<void> {
  const watermark = watermarkOf(page, checkpoint);
  const { source, stream, partition, fence } = page.run;
  const isReplaced = page.writeMode === "replace" && end?.status === "succeeded";
  await db.$executeRaw`
    UPDATE checkpoints SET bound = ${bound}, generation = ${isReplaced ? fence : Prisma.sql`generation`}, watermark = ${watermark === null ? Prisma.sql`watermark` : dialect.instant(watermark)}, updated_at = ${dialect.now}
    WHERE source = ${source} AND stream = ${stream} AND partition = ${partition}`;
}

function boundOf(page: PageCommit, run: LiveRun, { bound }: LockedCheckpoint, candidate: string | null): string | null {
  const { kind, lookbackMs } = page.bound;
  return nextBound({ kind, candidate, current: bound, runStartedAt: run.apiStartedAt ?? run.startedAt, lookbackMs });
}

/** The later watermark, or `null` to leave it as it is. */
function watermarkOf({ watermark }: PageCommit, checkpoint: LockedCheckpoint): Date | null {
  if (watermark === null || watermark.getTime() > new Date(checkpoint.now).getTime() + watermarkSlackMs) return null;
  return checkpoint.watermark === null || watermark > new Date(checkpoint.watermark) ? watermark : null;
}
