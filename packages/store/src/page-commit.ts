import { type Account, imbalance } from "@penstock/core/account";
import { extendPrefix, type PageLink, type Prefix } from "@penstock/core/chain";
import { laterCursor, nextBound } from "@penstock/core/cursor";
import { PermanentError } from "@penstock/core/errors";
import type { Reach } from "@penstock/core/failure-points";
import type { RunStatus } from "@penstock/core/run";
import { Prisma } from "../generated/postgresql/client.ts";
import type { Transaction } from "./client.ts";
import { noteDeletionRun, noteSeen, seesAll } from "./deletions.ts";
import type { Dialect } from "./dialect.ts";
import { markChildren, settleDue } from "./due-partitions.ts";
import { resolveByCommit, resolveRequests, upsertLetters } from "./letters.ts";
import { keepRawPage } from "./raw-pages.ts";
import { upsertRecords } from "./record-upsert.ts";
import { endOf } from "./run-end.ts";
import { noteDrift } from "./schema-drift.ts";
import type { CommittedPage, PageCommit } from "./store.ts";

/** How far ahead of the database's clock an event time may be and still count as the watermark. */
const watermarkSlackMs = 3_600_000;
/** Pages that may wait behind a gap; fetchers do not run further ahead than this. */
const waitingPages = 65;

/**
 * The page transaction. The page's row comes first: a second delivery of the page waits there for the first, and SQLite
 * takes its write lock before anything is read. Records and letters of every content are written; the account is kept for
 * the first only. Last, the checkpoint is locked, and only behind that lock are the run read and the prefix computed, since
 * another page's commit may just have extended it. Everybody locks the checkpoint before the run.
 */
export async function commitPage(
  db: Transaction,
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
  if (isFirst) await addToRun(db, dialect, page, account);
  await reach("commit.run-counted");
  const moved = await moveCheckpoint(db, dialect, page, checkpoint);
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

async function insertPage(db: Transaction, dialect: Dialect, page: PageCommit): Promise<boolean> {
  const { run, seq, cursorIn, cursorOut, isLast, endStatus, endCode, contentHash, validator, bound } = page;
  const inserted = await db.$executeRaw`
    INSERT INTO pages (run_id, seq, cursor_in, cursor_out, is_last, end_status, end_code, content_hash, validator, bound_candidate, sees_all, observed_at, committed_at)
    VALUES (${run.runId}, ${seq}, ${cursorIn}, ${cursorOut}, ${isLast}, ${endStatus}, ${endCode}, ${contentHash}, ${validator}, ${bound.candidate},
      ${seesAll(page)}, ${dialect.instant(page.observedAt)}, ${dialect.now})
    ON CONFLICT (run_id, seq) DO NOTHING`;
  return inserted === 1;
}

async function isOtherContent(db: Transaction, page: PageCommit): Promise<boolean> {
  const first = await db.page.findUnique({
    where: { runId_seq: { runId: page.run.runId, seq: page.seq } },
    select: { contentHash: true },
  });
  return first?.contentHash !== page.contentHash;
}

async function keepAccount(db: Transaction, { run, seq }: PageCommit, account: Account): Promise<void> {
  const { fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered } = account;
  await db.$executeRaw`
    UPDATE pages SET fetched = ${fetched}, inserted = ${inserted}, updated = ${updated}, unchanged = ${unchanged},
      duplicate = ${duplicate}, filtered = ${filtered}, dead_lettered = ${deadLettered}
    WHERE run_id = ${run.runId} AND seq = ${seq}`;
}

async function addToRun(db: Transaction, dialect: Dialect, { run }: PageCommit, account: Account): Promise<void> {
  const { fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered } = account;
  await db.$executeRaw`
    UPDATE runs SET pages = pages + 1, last_page_at = ${dialect.now}, fetched = fetched + ${fetched}, inserted = inserted + ${inserted},
      updated = updated + ${updated}, unchanged = unchanged + ${unchanged}, duplicate = duplicate + ${duplicate},
      filtered = filtered + ${filtered}, dead_lettered = dead_lettered + ${deadLettered}
    WHERE id = ${run.runId}`;
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
  db: Transaction,
  dialect: Dialect,
  page: PageCommit,
): Promise<LockedCheckpoint | undefined> {
  const { source, stream, partition } = page.run;
  const [checkpoint] = await db.$queryRaw<LockedCheckpoint[]>`
    SELECT bound, fence, watermark, failures, ${dialect.now} AS now FROM checkpoints
    WHERE source = ${source} AND stream = ${stream} AND partition = ${partition} ${dialect.forUpdate}`;
  return checkpoint;
}

async function moveCheckpoint(
  db: Transaction,
  dialect: Dialect,
  page: PageCommit,
  checkpoint: LockedCheckpoint | undefined,
): Promise<Moved> {
  const { runId, fence } = page.run;
  const run = await db.run.findUnique({ where: { id: runId } });
  const status = (run?.status ?? "superseded") as RunStatus;
  const bound = checkpoint?.bound ?? null;
  if (checkpoint === undefined || run === null || status !== "running" || checkpoint.fence !== fence) {
    return { runStatus: status, bound, endedRun: false };
  }
  return advance(db, dialect, page, { checkpoint, run });
}

type LiveRun = NonNullable<Awaited<ReturnType<Transaction["run"]["findUnique"]>>>;
type Extended = {
  prefix: Prefix;
  candidate: string | null;
  last: { endStatus: string; endCode: string | null } | undefined;
};

async function advance(
  db: Transaction,
  dialect: Dialect,
  page: PageCommit,
  at: { checkpoint: LockedCheckpoint; run: LiveRun },
): Promise<Moved> {
  const { checkpoint, run } = at;
  const extended = await extend(db, page, run);
  const end = await endOf(db, page, run, extended.last);
  const movesNow = page.bound.moves === "page" || (page.bound.moves === "run" && end?.status === "succeeded");
  const bound = movesNow ? boundOf(page, run, checkpoint, extended.candidate) : checkpoint.bound;
  await db.$executeRaw`
    UPDATE runs SET committed_seq = ${extended.prefix.seq}, committed_cursor = ${extended.prefix.cursorOut}, bound_candidate = ${extended.candidate},
      status = ${end?.status ?? "running"}, error_code = ${end?.code ?? null}, error_message = ${end?.message ?? null},
      ended_at = ${end === undefined ? Prisma.sql`ended_at` : dialect.now}
    WHERE id = ${run.id}`;
  const watermark = watermarkOf(page, checkpoint);
  const { source, stream, partition, fence } = page.run;
  const isReplaced = page.writeMode === "replace" && end?.status === "succeeded";
  await db.$executeRaw`
    UPDATE checkpoints SET bound = ${bound}, generation = ${isReplaced ? fence : Prisma.sql`generation`}, watermark = ${watermark === null ? Prisma.sql`watermark` : dialect.instant(watermark)}, updated_at = ${dialect.now}
    WHERE source = ${source} AND stream = ${stream} AND partition = ${partition}`;
  if (end?.status === "succeeded") {
    await noteDeletionRun(db, dialect, page, run);
    await resolveRequests(db, dialect, run);
  }
  if (end !== undefined) await settleDue(db, dialect, page.run, end.status, checkpoint);
  return { runStatus: end?.status ?? "running", bound, endedRun: end !== undefined };
}

async function extend(db: Transaction, page: PageCommit, run: LiveRun): Promise<Extended> {
  const known: Prefix = { seq: run.committedSeq, cursorOut: run.committedCursor, isComplete: false };
  const waiting = await db.page.findMany({
    where: { runId: run.id, seq: { gt: known.seq } },
    orderBy: { seq: "asc" },
    take: waitingPages,
  });
  const prefix = extendPrefix(known, waiting satisfies PageLink[]);
  const added = waiting.filter(({ seq }) => seq <= prefix.seq);
  const candidate = added.reduce(
    (latest, { boundCandidate }) => laterCursor(page.bound.kind, latest, boundCandidate),
    run.boundCandidate,
  );
  return { prefix, candidate, last: prefix.isComplete ? added.at(-1) : undefined };
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
