import { hashesOf, keysOf, type RecordBatch, type WriteMode } from "@penstock/core/record";
import { Prisma } from "../generated/postgresql/client.ts";
import type { Dialect, Upsert, WrittenRows } from "./dialect.ts";
import { currentGeneration } from "./generation.ts";
import type { Statements } from "./statements.ts";

export type UpsertOrigin = {
  source: string;
  stream: string;
  runId: string;
  seq: number;
  observedAt: Date;
  schemaVersion: string;
  writeMode: WriteMode;
  /**
   * The records of a page whose run has ended are added and replace nothing: another run has asked for them again since, and two
   * requests under way at once do not tell by their times which answer is the newer.
   */
  replacesWhileRunning?: true;
  /** Of a page that was committed before: rows made of it are replaced whatever their version, and deleted ones stay deleted. */
  isReplay?: true;
};
export type UpsertCounts = { inserted: number; updated: number; unchanged: number; rowsWritten: number };

/** The records of one page; `without` are keys of some that are not to be written. */
export type PageRecords = { origin: UpsertOrigin; batch: RecordBatch; without?: readonly string[] };

/**
 * Writes records by a set-based statement for each piece of them, as the stream's write mode says. Counts are over inputs: one that made
 * several rows is `inserted` if any of them was, else `updated` if any was.
 */
export async function upsertRecords(
  db: Statements,
  dialect: Dialect,
  origin: UpsertOrigin,
  batch: RecordBatch,
): Promise<UpsertCounts> {
  const rows = batch.inputs.length;
  if (rows === 0) return { inserted: 0, updated: 0, unchanged: 0, rowsWritten: 0 };
  // Each is made when it is sent: what stands for its rows meanwhile is kept for a few statements only.
  const upsert = (piece: RecordBatch["rows"][number]) =>
    statement(dialect, [{ origin, batch: { ...batch, rows: [piece] } }]);
  // Where each input made one row, the database's counts of rows are those of inputs, and no row has to come back.
  if (isRowPerInput(batch)) {
    const sum: WrittenRows = { inserted: 0, written: 0 };
    for (const piece of batch.rows) {
      const { inserted, written } = await dialect.countWritten(db, upsert(piece));
      sum.inserted += inserted;
      sum.written += written;
    }
    return countsOf(batch, sum);
  }
  const written: WrittenRow[] = [];
  for (const piece of batch.rows)
    written.push(...(await db.$queryRaw<WrittenRow[]>`${upsert(piece).sql} RETURNING key, revision`));
  return countInputs(batch, written);
}

type WrittenRow = { key: string; revision: number };

/** The records of several pages of a run, by one statement where that comes to the same as one behind the other. */
export async function upsertPages(
  db: Statements,
  dialect: Dialect,
  pages: readonly PageRecords[],
): Promise<UpsertCounts[]> {
  const { countWrittenByPage } = dialect;
  const joined = countWrittenByPage === undefined || pages.length === 1 ? undefined : forOneStatement(pages);
  if (countWrittenByPage !== undefined && joined !== undefined) {
    const written = await countWrittenByPage(db, statement(dialect, joined));
    return pages.map(({ origin, batch }) => countsOf(batch, written.get(origin.seq) ?? { inserted: 0, written: 0 }));
  }
  const counts: UpsertCounts[] = [];
  for (const { origin, batch } of pages) counts.push(await upsertRecords(db, dialect, origin, batch));
  return counts;
}

/** More rows are worth a statement of their own, and so is a page in several pieces. */
const sharedRows = 1_000;

/**
 * The pages as one statement can write them, which writes no row twice: a record that several of them have, as those have that overlap,
 * is left to the one that was observed last, and is unchanged in the others. `undefined` where one behind the other may come to something else.
 */
function forOneStatement(pages: readonly PageRecords[]): PageRecords[] | undefined {
  const [first] = pages;
  const rows = pages.reduce((sum, { batch }) => sum + batch.inputs.length, 0);
  const areAlike = pages.every(
    ({ origin, batch }, i) =>
      batch.rows.length <= 1 &&
      isRowPerInput(batch) &&
      origin.schemaVersion === first?.origin.schemaVersion &&
      origin.observedAt >= (pages[i - 1]?.origin.observedAt ?? origin.observedAt),
  );
  const areNumbered = new Set(pages.map(({ origin }) => origin.seq)).size === pages.length;
  if (rows === 0 || rows > sharedRows || !areAlike || !areNumbered) return undefined;
  const keys = pages.map(({ batch }) => keysOf(batch));
  const lastOf = new Map(keys.flatMap((own, i) => own.map((key) => [key, i] as const)));
  if (lastOf.size === rows) return [...pages];
  const left = keys.map((own, i) => own.filter((key) => lastOf.get(key) !== i));
  if (!haveOneContent(pages, new Set(left.flat()))) return undefined;
  return pages.map((page, i) => ({ ...page, without: left[i] ?? [] }));
}

/** For each of the keys, wherever it stands. */
function haveOneContent(pages: readonly PageRecords[], keys: ReadonlySet<string>): boolean {
  const known = new Map<string, string>();
  return pages
    .flatMap(({ batch }) => [...hashesOf(batch, keys)])
    .every(([key, hash]) => {
      const other = known.get(key);
      known.set(key, hash);
      return other === undefined || other === hash;
    });
}

const isRowPerInput = ({ inputs }: RecordBatch): boolean => new Set(inputs).size === inputs.length;

function countsOf({ inputs }: RecordBatch, { inserted, written }: WrittenRows): UpsertCounts {
  return { inserted, updated: written - inserted, unchanged: inputs.length - written, rowsWritten: written };
}

/**
 * That of the run where the stream is replaced, else the one that is read. What is redriven for a run that is forgotten goes into a
 * generation that nobody reads: others have taken its place since.
 */
function generationOf(origin: UpsertOrigin): Prisma.Sql {
  if (origin.writeMode !== "replace") return currentGeneration(origin);
  return Prisma.sql`COALESCE((SELECT fence FROM runs WHERE id = ${origin.runId}), -1)`;
}

/** @param pages that differ in their records, numbers and times only */
function statement(dialect: Dialect, pages: readonly PageRecords[]): Upsert {
  const [first] = pages;
  if (first === undefined) throw new RangeError("there are no records to write");
  const { origin } = first;
  const { source, stream, runId, schemaVersion, writeMode } = origin;
  const staysAsItIs = writeMode === "append" && origin.isReplay !== true;
  const carried = writeMode === "replace" ? carriedOver(origin) : undefined;
  const { firstSeenAt, updatedAt } = carried?.columns(dialect.now) ?? {
    firstSeenAt: dialect.now,
    updatedAt: dialect.now,
  };
  const rows = pages.flatMap((page) => page.batch.rows.map((piece) => rowsOf(dialect, page, piece)));
  const sql = Prisma.sql`
    INSERT INTO records (source, stream, generation, key, ts, version, hash, data, extra, observed_at, run_id, seq, schema_version, first_seen_at, updated_at, change)
    SELECT ${source}, ${stream}, ${generationOf(origin)}, new.key, new.ts, new.version, new.hash, new.data, new.extra, page_at, ${runId}, page_seq, ${schemaVersion},
      ${firstSeenAt}, ${updatedAt}, ${carried === undefined ? dialect.change : 0}
    FROM (${Prisma.join(rows, " UNION ALL ")}) AS new ${carried?.join ?? Prisma.empty}
    WHERE true
    ON CONFLICT (source, stream, generation, key) ${staysAsItIs ? Prisma.sql`DO NOTHING` : keepNewest(origin)}`;
  // How to join the table is decided by its size, which grows from page to page.
  return { sql, isKept: carried === undefined };
}

function rowsOf(
  dialect: Dialect,
  { origin: { seq, observedAt }, without }: PageRecords,
  piece: Uint8Array,
): Prisma.Sql {
  const isWritten =
    without === undefined ? Prisma.empty : Prisma.sql`WHERE key NOT IN (${dialect.textsOf(JSON.stringify(without))})`;
  return Prisma.sql`SELECT CAST(${seq} AS INTEGER) AS page_seq, ${dialect.instant(observedAt)} AS page_at, key, ts, version, hash, data, extra
      FROM (${dialect.recordRows(piece)}) AS page ${isWritten}`;
}

/**
 * A stored row is replaced if and only if the new `(version, observed_at)` is greater – no version being the lowest – and its
 * content differs. One that was deleted comes back with whatever was observed after it was found gone: a record that is made
 * anew begins with a low version.
 */
function keepNewest(origin: UpsertOrigin): Prisma.Sql {
  const isRunning = Prisma.sql`AND EXISTS (SELECT 1 FROM runs WHERE id = ${origin.runId} AND status = 'running')`;
  return Prisma.sql`DO UPDATE SET
      ts = excluded.ts, version = excluded.version, hash = excluded.hash, data = excluded.data, extra = excluded.extra, observed_at = excluded.observed_at,
      run_id = excluded.run_id, seq = excluded.seq, schema_version = excluded.schema_version, change = excluded.change,
      updated_at = excluded.updated_at, deleted_at = NULL, revision = records.revision + 1
    WHERE ${origin.isReplay === true ? replaysOver(origin) : winsOver}
      ${origin.replacesWhileRunning === true ? isRunning : Prisma.empty}`;
}

const isNewer = Prisma.sql`(excluded.version IS NOT NULL, COALESCE(excluded.version, ''), excluded.observed_at)
        > (records.version IS NOT NULL, COALESCE(records.version, ''), records.observed_at)`;

const winsOver = Prisma.sql`CASE WHEN records.deleted_at IS NOT NULL THEN excluded.observed_at > records.observed_at
      ELSE excluded.hash <> records.hash AND ${isNewer} END`;

/** Where a stream is appended to, what a later page had of a key was left out when it came, and is when it comes again. */
function replaysOver({ runId, seq, writeMode }: UpsertOrigin): Prisma.Sql {
  const isSamePage = Prisma.sql`(records.run_id = ${runId} AND records.seq = ${seq})`;
  const mayReplace = writeMode === "append" ? isSamePage : Prisma.sql`(${isNewer} OR ${isSamePage})`;
  return Prisma.sql`excluded.hash <> records.hash AND records.deleted_at IS NULL AND ${mayReplace}`;
}

/** What a generation takes over from the one that is read: when a record was first seen, and last changed. */
function carriedOver(origin: UpsertOrigin): {
  join: Prisma.Sql;
  columns(now: Prisma.Sql): { firstSeenAt: Prisma.Sql; updatedAt: Prisma.Sql };
} {
  const { source, stream } = origin;
  return {
    join: Prisma.sql`LEFT JOIN records AS old ON old.source = ${source} AND old.stream = ${stream}
      AND old.generation = ${currentGeneration(origin)} AND old.key = new.key`,
    columns: (now) => ({
      firstSeenAt: Prisma.sql`COALESCE(old.first_seen_at, ${now})`,
      updatedAt: Prisma.sql`CASE WHEN old.hash = new.hash THEN old.updated_at ELSE ${now} END`,
    }),
  };
}

function countInputs(batch: RecordBatch, written: readonly WrittenRow[]): UpsertCounts {
  const inputOf = new Map(keysOf(batch).map((key, i) => [key, batch.inputs[i] ?? -1]));
  const inserted = new Set<number>();
  const changed = new Set<number>();
  for (const { key, revision } of written) {
    const input = inputOf.get(key) ?? -1;
    changed.add(input);
    if (Number(revision) === 1) inserted.add(input);
  }
  const inputs = new Set(inputOf.values()).size;
  return {
    inserted: inserted.size,
    updated: changed.size - inserted.size,
    unchanged: inputs - changed.size,
    rowsWritten: written.length,
  };
}
