import { randomUUID } from "node:crypto";
import type { Author } from "@penstock/core/audit";
import type { ParentValues } from "@penstock/core/partition";
import type { Prisma } from "../generated/postgresql/client.ts";
import { noteAction } from "./audit-log.ts";
import type { Prisma as Client, Transaction } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Dialect } from "./dialect.ts";
import { markChildren } from "./due-partitions.ts";
import { hasOpenLetters, resolveByCommit, upsertLetters } from "./letters.ts";
import { upsertRecords } from "./record-upsert.ts";
import type { Statements } from "./statements.ts";
import type { PageCommit, RawPage, RawPosition, Replay, ReplayCommit, ReplayFilter, Store } from "./store.ts";

/** Rows of one deletion: a transaction that nobody has to wait for. */
const pruneLimit = 200;

/** Keeps a page as it came; part of its transaction. Another content for the same page is another row. */
export async function keepRawPage(db: Statements, dialect: Dialect, page: PageCommit): Promise<void> {
  if (page.keep === undefined) return;
  const { run, seq, contentHash, observedAt, fetched } = page;
  const { body, parent } = page.keep;
  const parentJson = JSON.stringify([[parent === undefined ? null : JSON.stringify(parent)]]);
  await db.$executeRaw`
    INSERT INTO raw_pages (run_id, seq, hash, source, stream, partition, parent, observed_at, records, body)
    SELECT ${run.runId}, ${seq}, ${contentHash}, ${run.source}, ${run.stream}, ${run.partition}, c0, ${dialect.instant(observedAt)}, ${fetched}, ${Buffer.from(body)}
    FROM (${dialect.rowsOf(parentJson, ["json"])}) AS new
    WHERE true
    ON CONFLICT (run_id, seq, hash) DO NOTHING`;
}

/** Deletes what is older than `keepMs`, in small transactions, oldest first; returns how many. */
export async function pruneRawPages(
  { dialect, transact }: Pick<Connection, "dialect" | "transact">,
  { source, stream, keepMs }: { source: string; stream: string; keepMs: number },
): Promise<number> {
  for (let pruned = 0; ; ) {
    const deleted = await transact(
      (tx) => tx.$executeRaw`
        DELETE FROM raw_pages WHERE (run_id, seq, hash) IN (
          SELECT run_id, seq, hash FROM raw_pages
          WHERE source = ${source} AND stream = ${stream} AND observed_at < ${dialect.later(-keepMs)}
          ORDER BY observed_at LIMIT ${pruneLimit})`,
    );
    pruned += deleted;
    if (deleted < pruneLimit) return pruned;
  }
}

/** In the order in which they were observed, from behind `after` on. */
export async function listRawPages(
  db: Client,
  filter: ReplayFilter & { after: RawPosition | null; limit: number },
): Promise<RawPage[]> {
  const rows = await db.rawPage.findMany({
    where: { ...whereOf(filter), ...(filter.after !== null && behind(filter.after)) },
    orderBy: [{ observedAt: "asc" }, { runId: "asc" }, { seq: "asc" }, { hash: "asc" }],
    take: filter.limit,
  });
  return rows.map(({ parent, ...row }) => ({ ...row, parent: (parent ?? undefined) as ParentValues | undefined }));
}

export function countRawPages(db: Client, filter: ReplayFilter & { after: RawPosition | null }): Promise<number> {
  return db.rawPage.count({
    where: { ...whereOf(filter), ...(filter.after !== null && behind(filter.after)) },
  });
}

function whereOf({ source, stream, since, runId }: ReplayFilter): Prisma.RawPageWhereInput {
  return {
    source,
    stream,
    ...(since !== undefined && { observedAt: { gte: since } }),
    ...(runId !== undefined && { runId }),
  };
}

/** Told apart from the alternatives, so that the index is entered where the page begins, and not passed from its beginning on. */
function behind({ observedAt, runId, seq, hash }: RawPosition): Prisma.RawPageWhereInput {
  const at = new Date(observedAt);
  const OR = [
    { observedAt: { gt: at } },
    { observedAt: at, runId: { gt: runId } },
    { observedAt: at, runId, seq: { gt: seq } },
    { observedAt: at, runId, seq, hash: { gt: hash } },
  ];
  return { AND: { observedAt: { gte: at } }, OR };
}

/** The replay of the same request by the same schema that was interrupted, or a new one. */
export async function startReplay(
  db: Transaction,
  dialect: Dialect,
  { source, stream, since, asked, runId, schemaVersion, isRestart, author }: Parameters<Store["startReplay"]>[0],
): Promise<Replay> {
  const isSince = since !== undefined && { since: since.toISOString() };
  const note = (id: string, isResumed: boolean) =>
    noteAction(db, dialect, {
      ...author,
      action: "replay",
      target: `${source}.${stream}`,
      details: { replay: id, ...isSince, ...(runId !== undefined && { run: runId }), isResumed },
    });
  const request = JSON.stringify([asked ?? since?.toISOString() ?? null, runId ?? null]);
  const found = await db.replay.findFirst({ where: { source, stream, request, schemaVersion, endedAt: null } });
  if (found !== null && !isRestart) {
    await note(found.id, true);
    return storedReplay(found, true);
  }
  if (found !== null) await endReplay(db, dialect, found.id, author);
  const id = randomUUID();
  await db.$executeRaw`
    INSERT INTO replays (id, source, stream, request, schema_version, started_at)
    VALUES (${id}, ${source}, ${stream}, ${request}, ${schemaVersion}, ${dialect.now})`;
  await note(id, false);
  return { id, position: null, pages: 0, rowsWritten: 0, deadLettered: 0, isResumed: false };
}

type ReplayRow = { id: string; position: unknown; pages: number; rowsWritten: number; deadLettered: number };

function storedReplay({ id, position, pages, rowsWritten, deadLettered }: ReplayRow, isResumed: boolean): Replay {
  return { id, position: position as RawPosition | null, pages, rowsWritten, deadLettered, isResumed };
}

/**
 * What a kept page became by today's definition, and how far the replay has come, together. A newer observation stays; a row that
 * was made of this very page is replaced whatever its version, since it can differ only by the definition. Deleted rows stay deleted. No
 * checkpoint moves.
 */
export async function commitReplay(db: Transaction, dialect: Dialect, replay: ReplayCommit): Promise<Replay> {
  const { page, records, letters, schemaVersion, writeMode, children = [] } = replay;
  const origin = { ...page, schemaVersion, writeMode, isReplay: true } as const;
  const { rowsWritten } = await upsertRecords(db, dialect, origin, records);
  await upsertLetters(db, dialect, letters);
  if (await hasOpenLetters(db, page))
    await resolveByCommit(db, dialect, { run: page, observedAt: page.observedAt, letters, records, cursorIn: null });
  // Rows that are of this page already and stay as they are have not changed: their children are not asked for again.
  if (rowsWritten > 0) await markChildren(db, dialect, page, { children, records });
  const { observedAt, runId, seq, hash } = page;
  const row = await db.replay.update({
    where: { id: replay.replayId },
    data: {
      position: { observedAt: observedAt.toISOString(), runId, seq, hash },
      pages: { increment: 1 },
      rowsWritten: { increment: rowsWritten },
      deadLettered: { increment: letters.length },
    },
  });
  return storedReplay(row, false);
}

export async function endReplay(db: Transaction, dialect: Dialect, id: string, author: Author): Promise<void> {
  await db.$executeRaw`UPDATE replays SET ended_at = ${dialect.now} WHERE id = ${id}`;
  const { source, stream, pages, rowsWritten, deadLettered } = await db.replay.findUniqueOrThrow({ where: { id } });
  const details = { replay: id, pages, rowsWritten, deadLettered };
  await noteAction(db, dialect, { ...author, action: "replay.end", target: `${source}.${stream}`, details });
}
