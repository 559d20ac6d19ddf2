import type { Prisma } from "../client.ts";
import { storedLetter, whereOf } from "../find-letters.ts";
import { storedRun } from "../runs.ts";
import type { CheckpointQuery, LetterQuery, Queries, RunQuery, StoredPage } from "./queries.ts";

/** The fields that are given: Prisma takes no `undefined`. */
function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // What is left has no undefined in it, which the type of fromEntries cannot say.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

export async function listRuns(db: Prisma, { after, limit, ...filter }: RunQuery): ReturnType<Queries["runs"]> {
  const { source, stream, partition, status, mode } = filter;
  const behind = after && {
    OR: [{ startedAt: { lt: after.startedAt } }, { startedAt: after.startedAt, id: { lt: after.id } }],
    // Told apart, so that the index is entered where the page begins.
    startedAt: { lte: after.startedAt },
  };
  const rows = await db.run.findMany({
    where: { ...given({ source, stream, partition, status, mode }), ...behind },
    orderBy: [{ startedAt: "desc" }, { id: "desc" }],
    take: limit,
  });
  return rows.map(storedRun);
}

export async function readRunById(db: Prisma, id: string): ReturnType<Queries["run"]> {
  const row = await db.run.findUnique({ where: { id } });
  return row === null ? undefined : storedRun(row);
}

export async function listPages(
  db: Prisma,
  { runId, after, limit }: Parameters<Queries["pages"]>[0],
): Promise<StoredPage[]> {
  const rows = await db.page.findMany({ where: { runId, seq: { gt: after } }, orderBy: { seq: "asc" }, take: limit });
  return rows.map(({ fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered, ...page }) => ({
    ...page,
    account: { fetched, inserted, updated, unchanged, duplicate, filtered, deadLettered },
  }));
}

export async function listCheckpoints(
  db: Prisma,
  { source, stream, partition, after, limit }: CheckpointQuery,
): ReturnType<Queries["checkpoints"]> {
  const behind = after && {
    OR: [
      { source: { gt: after.source } },
      { source: after.source, stream: { gt: after.stream } },
      { source: after.source, stream: after.stream, partition: { gt: after.partition } },
    ],
    AND: { source: { gte: after.source } },
  };
  return db.checkpoint.findMany({
    where: { ...given({ source, stream, partition }), ...behind },
    orderBy: [{ source: "asc" }, { stream: "asc" }, { partition: "asc" }],
    take: limit,
  });
}

export async function listLetters(
  db: Prisma,
  { after, limit, ...filter }: LetterQuery,
): ReturnType<Queries["letters"]> {
  const behind = after && {
    OR: [{ firstSeenAt: { lt: after.firstSeenAt } }, { firstSeenAt: after.firstSeenAt, id: { lt: after.id } }],
    firstSeenAt: { lte: after.firstSeenAt },
  };
  const rows = await db.deadLetter.findMany({
    where: { AND: [whereOf(filter), behind ?? {}] },
    orderBy: [{ firstSeenAt: "desc" }, { id: "desc" }],
    take: limit,
  });
  return rows.map(storedLetter);
}

export async function listSchemas(
  db: Prisma,
  { source, stream }: Parameters<Queries["schemas"]>[0],
): ReturnType<Queries["schemas"]> {
  return db.schemaVersion.findMany({
    where: given({ source, stream }),
    orderBy: [{ source: "asc" }, { stream: "asc" }, { firstSeenAt: "desc" }, { fingerprint: "asc" }],
  });
}
