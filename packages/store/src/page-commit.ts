import { type Account, imbalance, outcomes } from "@penstock/core/account";
import { extendPrefix, type Prefix } from "@penstock/core/chain";
import { laterCursor, nextBound } from "@penstock/core/cursor";
import { PermanentError } from "@penstock/core/errors";
import type { Reach } from "@penstock/core/failure-points";
import { storedInstant } from "@penstock/core/stored-instant";
import { Prisma } from "../generated/postgresql/client.ts";
import { noteDeletionRun, noteSeen, seesAll } from "./deletions.ts";
import type { Dialect } from "./dialect.ts";
import { markChildren, settleDue } from "./due-partitions.ts";
import { hasOpenLetters, resolveByCommit, resolveRequests, upsertLetters } from "./letters.ts";
import { type LiveRun, readLiveRun, type WaitingPage } from "./live-run.ts";
import { keptPrepared } from "./prepared-statements.ts";
import { keepRawPage } from "./raw-pages.ts";
import { type UpsertCounts, upsertPages } from "./record-upsert.ts";
import { endOf, type RunEnd } from "./run-end.ts";
import { noteDrift } from "./schema-drift.ts";
import type { Statements } from "./statements.ts";
import type { CommittedPage, PageCommit } from "./store.ts";

/** How far ahead of the database's clock an event time may be and still count as the watermark. */
const watermarkSlackMs = 3_600_000;

/**
 * The page transaction, of one page or of several of one run. Records and letters of every content are written; the account is kept for
 * the first content only. Whoever delivers a page a second time meets the first at the records or at the page's row, and waits there
 * for its end. Last, the checkpoint is locked, and only behind that lock are the run read and the prefix computed, since
 * another page's commit may just have extended it. Everybody locks the checkpoint before the run.
 *
 * @param pages of one run and so of one stream, in the order of their numbers
 * @returns what became of each; the end of the run with the last
 */
export async function commitPages(
  db: Statements,
  dialect: Dialect,
  pages: readonly PageCommit[],
  reach: Reach,
): Promise<CommittedPage[]> {
  const written = await writePages(db, dialect, pages, reach);
  const step = stepOf(pages, written);
  const checkpoint = await lockCheckpoint(db, dialect, step.page);
  await reach("commit.checkpoint-locked");
  const moved = await moveOn(db, dialect, { ...step, checkpoint, reach });
  await reach("commit.checkpoint-moved");
  const committed: CommittedPage[] = [];
  for (const [i, { page, ...each }] of written.entries()) {
    const newDrift = each.isFirst ? await noteDrift(db, dialect, originOf(page), page.drift ?? []) : [];
    committed.push({ ...each, newDrift, ...moved, endedRun: moved.endedRun && i === written.length - 1 });
  }
  return committed;
}

type AccountedPage = Pick<CommittedPage, "account" | "rowsWritten"> & { page: PageCommit };
type WrittenPage = AccountedPage & Pick<CommittedPage, "isFirst">;

async function writePages(
  db: Statements,
  dialect: Dialect,
  pages: readonly PageCommit[],
  reach: Reach,
): Promise<WrittenPage[]> {
  const records = pages.map((page) => ({ origin: originOf(page), batch: page.records }));
  const upserted = await upsertPages(db, dialect, records);
  for (const page of pages) {
    await noteSeen(db, dialect, page);
    await keepRawPage(db, dialect, page);
  }
  await reach("commit.records-written");
  const accounted = pages.map((page, i) => accountOf(page, upserted[i]));
  const written = await insertPages(db, dialect, accounted);
  await reach("commit.page-inserted");
  await writeLetters(db, dialect, written);
  await reach("commit.letters-written");
  return written;
}

function accountOf(page: PageCommit, upserted: UpsertCounts | undefined): AccountedPage {
  if (upserted === undefined) throw new RangeError("the records of a page were written and nothing is known of them");
  const { rowsWritten, ...counts } = upserted;
  const { fetched, duplicate, filtered, deadLettered } = page;
  const account: Account = { fetched, ...counts, duplicate, filtered, deadLettered };
  requireBalance(page, account);
  return { page, account, rowsWritten };
}

/** Page after page, since a later one may make good what one before it could not. */
async function writeLetters(db: Statements, dialect: Dialect, written: readonly WrittenPage[]): Promise<void> {
  const [first] = written;
  let isAnyOpen = first !== undefined && (await hasOpenLetters(db, first.page.run));
  for (const { page, isFirst } of written) {
    if (isAnyOpen) await resolveByCommit(db, dialect, page);
    if (!isFirst && !(await isOtherContent(db, page))) continue;
    await upsertLetters(db, dialect, page.letters);
    await markChildren(db, dialect, originOf(page), page);
    isAnyOpen ||= page.letters.length > 0;
  }
}

const originOf = ({ run, seq, observedAt, schemaVersion, writeMode }: PageCommit) =>
  ({ ...run, seq, observedAt, schemaVersion, writeMode, replacesWhileRunning: true }) as const;

/** The pages as one: what counts for the run and the checkpoint is theirs together. */
function stepOf(
  pages: readonly PageCommit[],
  written: readonly WrittenPage[],
): Pick<Step, "page" | "pages" | "account"> {
  const last = pages.at(-1);
  if (last === undefined) throw new RangeError("there is no page to commit");
  const accounts = written.filter(({ isFirst }) => isFirst).map(({ account }) => account);
  const watermark = pages.reduce<Date | null>((latest, page) => later(latest, page.watermark), null);
  return { page: { ...last, watermark }, pages: accounts.length, account: accounts.reduce(sumOf, noAccount) };
}

const later = (a: Date | null, b: Date | null): Date | null => (a === null || (b !== null && b > a) ? b : a);

/** An input without an outcome may be a lost record: rather a page given up whole, with a letter, than one that counts wrong. */
function requireBalance({ run: { source, stream }, seq }: PageCommit, account: Account): void {
  const missing = imbalance(account);
  if (missing === 0) return;
  const message = `the account of page ${seq} of ${source}.${stream} does not add up: ${missing} of ${account.fetched} records have no outcome`;
  throw new PermanentError("ACCOUNT_VIOLATED", message, { source, stream, seq });
}

const pageColumnTypes = [
  ...(["integer", "text", "text", "boolean", "text", "text", "text", "text", "text", "boolean", "timestamp"] as const),
  ...(["integer", "integer", "integer", "integer", "integer", "integer", "integer"] as const),
];

/** A page that has a row, of before or of another of these, is not the first; its row stays as it is. */
async function insertPages(
  db: Statements,
  dialect: Dialect,
  accounted: readonly AccountedPage[],
): Promise<WrittenPage[]> {
  const statement = Prisma.sql`
    INSERT INTO pages (run_id, seq, cursor_in, cursor_out, is_last, end_status, end_code, content_hash, validator, bound_candidate, sees_all, observed_at,
      fetched, inserted, updated, unchanged, duplicate, filtered, dead_lettered, committed_at)
    SELECT ${accounted[0]?.page.run.runId}, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, ${dialect.now}
    FROM (${dialect.rowsOf(JSON.stringify(accounted.map(pageRow)), pageColumnTypes)}) AS new
    WHERE true
    ON CONFLICT (run_id, seq) DO NOTHING
    RETURNING seq`;
  const inserted = await db.$queryRaw<{ seq: number | bigint }[]>(keptPrepared(statement));
  const added = new Set(inserted.map(({ seq }) => Number(seq)));
  return accounted.map((each) => ({ ...each, isFirst: added.delete(each.page.seq) }));
}

function pageRow({ page, account }: AccountedPage): (string | number | boolean | null)[] {
  const { seq, cursorIn, cursorOut, isLast, endStatus, endCode, contentHash, validator, bound } = page;
  const { fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered } = account;
  const observedAt = storedInstant(page.observedAt.toISOString());
  return [
    ...[seq, cursorIn, cursorOut, isLast, endStatus, endCode, contentHash, validator, bound.candidate, seesAll(page)],
    ...[observedAt, fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered],
  ];
}

async function isOtherContent(db: Statements, page: PageCommit): Promise<boolean> {
  const [first] = await db.$queryRaw<{ content_hash: string }[]>`
    SELECT content_hash FROM pages WHERE run_id = ${page.run.runId} AND seq = ${page.seq}`;
  return first?.content_hash !== page.contentHash;
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
  const statement = Prisma.sql`
    SELECT bound, fence, watermark, failures, ${dialect.now} AS now FROM checkpoints
    WHERE source = ${source} AND stream = ${stream} AND partition = ${partition} ${dialect.forUpdate}`;
  const [checkpoint] = await db.$queryRaw<LockedCheckpoint[]>(keptPrepared(statement));
  return checkpoint;
}

type Step = {
  page: PageCommit;
  checkpoint: LockedCheckpoint | undefined;
  /** To be added to the run's, of so many pages; not again of one that was delivered before. */
  account: Account;
  pages: number;
  reach: Reach;
};

/** Brings run and checkpoint as far as the page allows, each by one statement. */
async function moveOn(db: Statements, dialect: Dialect, step: Step): Promise<Moved> {
  const { page, checkpoint, account, reach } = step;
  const { runId, fence } = page.run;
  const found = await readLiveRun(db, runId);
  const run = found && { ...found, ...sumOf(found, account) };
  const isLive = run?.status === "running" && checkpoint?.fence === fence;
  const next = isLive ? await advanced(db, dialect, { page, checkpoint, run }) : undefined;
  const changes = [...counted(dialect, step), ...moved(dialect, next)];
  if (changes.length > 0)
    await db.$executeRaw(keptPrepared(Prisma.sql`UPDATE runs SET ${Prisma.join(changes)} WHERE id = ${runId}`));
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

const counts = ["fetched", ...outcomes] as const;
const noAccount = Object.fromEntries(counts.map((column) => [column, 0])) as Account;

function sumOf(sum: Account, added: Account): Account {
  return Object.fromEntries(counts.map((column) => [column, sum[column] + added[column]])) as Account;
}

function counted(dialect: Dialect, { account, pages }: Step): Prisma.Sql[] {
  if (pages === 0) return [];
  const { fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered } = account;
  return [
    Prisma.sql`pages = pages + ${pages}, last_page_at = ${dialect.now}, fetched = fetched + ${fetched}, inserted = inserted + ${inserted},
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
  const statement = Prisma.sql`
    UPDATE checkpoints SET bound = ${bound}, generation = ${isReplaced ? fence : Prisma.sql`generation`}, watermark = ${watermark === null ? Prisma.sql`watermark` : dialect.instant(watermark)}, updated_at = ${dialect.now}
    WHERE source = ${source} AND stream = ${stream} AND partition = ${partition}`;
  await db.$executeRaw(keptPrepared(statement));
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
