import { describeBudget, isMoreThan } from "@penstock/core/budget";
import type { Reach } from "@penstock/core/failure-points";
import { Prisma } from "../generated/postgresql/client.ts";
import type { DeletionModel } from "../generated/postgresql/models/Deletion.ts";
import type { Transaction } from "./client.ts";
import type { Connection } from "./connection.ts";
import { storedDeletion } from "./deletions.ts";
import type { Dialect } from "./dialect.ts";
import { currentGeneration } from "./generation.ts";
import type { Deletion, DeletionStatus } from "./store.ts";

/*
 * A record is deleted when no run since the complete full run before saw its key, and it was observed before that run began:
 * hence two complete full runs missed it. The set can only shrink while runs go on, so it is not stored: it is scanned once to be
 * counted, against the brake, and once more to be marked.
 */

/** Records that one transaction looks at. */
const atOnce = 5_000;
const sampleSize = 20;

const underWay = ["new", "scanning", "deleting"] satisfies DeletionStatus[];

/** Works until nothing is left to do; each step is a transaction that can be the last of this process. */
export async function settleDeletions({ db, dialect, ask, transact }: Connection, reach: Reach): Promise<Deletion[]> {
  const settled: Deletion[] = [];
  for (;;) {
    const open = await ask(() =>
      db.deletion.findMany({ where: { status: { in: underWay } }, orderBy: { fence: "asc" }, select: { runId: true } }),
    );
    if (open.length === 0) return settled;
    for (const { runId } of open) {
      const after = await transact(async (tx) => {
        const stepped = await step(tx, dialect, runId);
        await reach("deletions.marked");
        return stepped;
      });
      await reach("deletions.stepped");
      if (after !== undefined && !isUnderWay(after)) settled.push(storedDeletion(after));
    }
  }
}

function isUnderWay({ status }: Pick<DeletionModel, "status">): boolean {
  return underWay.some((each) => each === status);
}

/** One step of one deletion; `undefined` when it is another's turn. Those of a stream go in the order of their runs. */
async function step(db: Transaction, dialect: Dialect, runId: string): Promise<DeletionModel | undefined> {
  const [locked] = await db.$queryRaw<{ now: Date | string }[]>`
    SELECT ${dialect.now} AS now FROM deletions WHERE run_id = ${runId} ${dialect.forUpdate}`;
  const row = await db.deletion.findUnique({ where: { runId } });
  if (locked === undefined || row === null || !isUnderWay(row)) return undefined;
  const { source, stream, fence } = row;
  const earlier = { source, stream, fence: { lt: fence }, status: { in: underWay } };
  if ((await db.deletion.findFirst({ where: earlier, select: { runId: true } })) !== null) return undefined;
  const change = await nextOf(db, dialect, row);
  const isSettled = !["scanning", "deleting", "waiting"].includes(change.status ?? row.status);
  return db.deletion.update({
    where: { runId },
    data: { ...change, ...(isSettled && { settledAt: new Date(locked.now) }) },
  });
}

type Change = Partial<Omit<DeletionModel, "sample">> & { sample?: string[]; status?: DeletionStatus };

function nextOf(db: Transaction, dialect: Dialect, row: DeletionModel): Promise<Change> {
  if (row.status === "new") return begin(db, row);
  return row.status === "scanning" ? scan(db, dialect, row) : deleteSome(db, dialect, row);
}

/** Only what provably saw everything is compared, and compared with. */
async function begin(db: Transaction, { runId, source, stream, fence }: DeletionModel): Promise<Change> {
  const blind = await db.page.findFirst({ where: { runId, seesAll: false }, orderBy: { seq: "asc" } });
  if (blind !== null) {
    const reason = `page ${blind.seq} has dead letters that do not tell their records' keys, or records that the contract dropped: they may be any of those missing`;
    return { status: "incomplete", reason };
  }
  await db.deletion.updateMany({
    where: { source, stream, fence: { lt: fence }, status: "waiting" },
    data: { status: "superseded", reason: "a later full run was compared before anybody had decided" },
  });
  const previous = await db.deletion.findFirst({
    where: { source, stream, fence: { lt: fence }, isComplete: true },
    orderBy: { fence: "desc" },
  });
  const isComplete = true;
  if (previous === null)
    return { status: "baseline", isComplete, reason: "there is no full run before to compare with" };
  return { status: "scanning", isComplete, previousFence: previous.fence, observedBefore: previous.startedAt };
}

/** Counts what is missing among the next records. */
async function scan(db: Transaction, dialect: Dialect, row: DeletionModel): Promise<Change> {
  const { upTo, count } = await nextRecords(db, row);
  if (upTo === null) return decided(row);
  const isOld = Prisma.sql`r.observed_at < ${dialect.instant(observedBefore(row))}`;
  const missed = await db.$queryRaw<{ key: string; is_old: number | bigint; seen: number | bigint | null }[]>`
    SELECT * FROM (
      SELECT r.key, CASE WHEN ${isOld} THEN 1 ELSE 0 END AS is_old, ${seenBy} AS seen FROM records AS r
      WHERE ${areNext(row, upTo)} AND r.observed_at < ${dialect.instant(row.startedAt)}) AS looked
    WHERE COALESCE(seen, -1) < ${row.fence}
    ORDER BY key`;
  const missing = missed
    .filter(({ seen, is_old }) => Number(is_old) === 1 && Number(seen ?? -1) < previousFence(row))
    .map(({ key }) => key);
  const sample = ((row.sample ?? []) as string[]).concat(missing).slice(0, sampleSize);
  return {
    scannedKey: upTo,
    known: row.known + count,
    missing: row.missing + missing.length,
    missedOnce: row.missedOnce + missed.length - missing.length,
    sample,
  };
}

function decided({ known, missing, brakeKind, brakeAt }: DeletionModel): Change {
  if (missing === 0) return { status: "nothing" };
  const brake = { kind: brakeKind === "count" ? ("count" as const) : ("share" as const), most: brakeAt };
  if (!isMoreThan(brake, missing, known)) return { status: "deleting", scannedKey: null };
  const reason = `${missing} of ${known} records are missing, which is more than the stream allows: ${describeBudget(brake)}`;
  return { status: "waiting", reason };
}

/**
 * Marks what is missing among the next records. Its rows are locked before it is looked up once more which keys were seen: a page that has
 * such a record too has either committed before, and its keys are seen, or finds the record deleted and brings it back.
 */
async function deleteSome(db: Transaction, dialect: Dialect, row: DeletionModel): Promise<Change> {
  const { source, stream } = row;
  const { upTo } = await nextRecords(db, row);
  if (upTo === null) return { status: "done" };
  const before = Prisma.sql`r.observed_at < ${dialect.instant(observedBefore(row))}`;
  const isUnseen = Prisma.sql`COALESCE(${seenBy}, -1) < ${previousFence(row)}`;
  const locked = await db.$queryRaw<{ key: string }[]>`
    SELECT r.key FROM records AS r WHERE ${areNext(row, upTo)} AND ${before} AND ${isUnseen}
    ORDER BY r.key ${dialect.forUpdate}`;
  if (locked.length === 0) return { scannedKey: upTo };
  const keys = JSON.stringify(locked.map(({ key }) => key));
  const deleted = await db.$executeRaw`
    UPDATE records AS r SET deleted_at = ${dialect.now}, updated_at = ${dialect.now}, revision = r.revision + 1, change = ${dialect.change},
      observed_at = ${dialect.instant(row.startedAt)}
    WHERE r.source = ${source} AND r.stream = ${stream} AND r.generation = ${currentGeneration(row)} AND r.key IN (${dialect.textsOf(keys)})
      AND r.deleted_at IS NULL AND ${before} AND ${isUnseen}`;
  return { scannedKey: upTo, deleted: row.deleted + deleted };
}

/** A look-up per record: as a join, Postgres scans all of the keys for each record while it has no statistics of them. */
const seenBy = Prisma.sql`(SELECT s.fence FROM seen_keys AS s WHERE s.source = r.source AND s.stream = r.stream AND s.key = r.key)`;

/** The next records by key: how many, and the last of them; none when the stream is at its end. */
async function nextRecords(db: Transaction, row: DeletionModel): Promise<{ upTo: string | null; count: number }> {
  const [next] = await db.$queryRaw<[{ up_to: string | null; count: number | bigint }]>`
    SELECT max(key) AS up_to, count(*) AS count FROM (
      SELECT r.key FROM records AS r WHERE ${areBehind(row)} ORDER BY r.key LIMIT ${atOnce}) AS next`;
  return { upTo: next.up_to, count: Number(next.count) };
}

function areBehind(row: DeletionModel): Prisma.Sql {
  const { source, stream, scannedKey } = row;
  return Prisma.sql`r.source = ${source} AND r.stream = ${stream} AND r.generation = ${currentGeneration(row)}
    AND r.key > ${scannedKey ?? ""} AND r.deleted_at IS NULL`;
}

const areNext = (row: DeletionModel, upTo: string): Prisma.Sql => Prisma.sql`${areBehind(row)} AND r.key <= ${upTo}`;

function observedBefore({ observedBefore: instant, startedAt }: DeletionModel): Date {
  return instant ?? startedAt;
}

function previousFence({ previousFence: fence }: DeletionModel): number {
  return fence ?? 0;
}
