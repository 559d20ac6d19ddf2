import type { ErrorCode } from "@penstock/core/error-codes";
import type { LetterStage } from "@penstock/core/letter";
import { Prisma } from "../../generated/postgresql/client.ts";
import type { Prisma as Client } from "../client.ts";
import type { Dialect } from "../dialect.ts";
import type { LetterGroup, Queries, Throughput, ThroughputQuery } from "./queries.ts";

type GroupRow = {
  source: string;
  stream: string;
  stage: LetterStage;
  code: ErrorCode;
  path: string | null;
  letters: number | bigint;
  first: Date | string;
  last: Date | string;
  id: string;
  message: string;
};

/** Letters that are alike, most first, each group with the newest of them. */
export async function groupLetters(
  db: Client,
  { source, stream, status }: Parameters<Queries["letterGroups"]>[0],
): Promise<LetterGroup[]> {
  const where = [Prisma.sql`true`];
  if (source !== undefined) where.push(Prisma.sql`source = ${source}`);
  if (stream !== undefined) where.push(Prisma.sql`stream = ${stream}`);
  if (status !== undefined) where.push(Prisma.sql`status = ${status}`);
  const rows = await db.$queryRaw<GroupRow[]>`
    SELECT source, stream, stage, code, path, letters, first, last, id, message
    FROM (SELECT source, stream, stage, code, path, id, message,
            count(*) OVER same AS letters, min(first_seen_at) OVER same AS first, max(last_seen_at) OVER same AS last,
            row_number() OVER (PARTITION BY source, stream, stage, code, path ORDER BY last_seen_at DESC, id) AS place
          FROM dead_letters WHERE ${Prisma.join(where, " AND ")}
          WINDOW same AS (PARTITION BY source, stream, stage, code, path)) AS alike
    WHERE place = 1 ORDER BY letters DESC, source, stream, stage, code, path`;
  return rows.map(({ letters, first, last, id, message, ...group }) => ({
    ...group,
    letters: Number(letters),
    firstSeenAt: new Date(first),
    lastSeenAt: new Date(last),
    example: { id, message },
  }));
}

type Bucket = {
  source: string;
  stream: string;
  bucket: number | bigint;
  written: number | bigint;
  dead: number | bigint;
};

/** From the pages, by when they were committed; what was pruned is not counted. */
export async function readThroughput(db: Client, dialect: Dialect, query: ThroughputQuery): Promise<Throughput[]> {
  const { source, stream, since, until, intervalMs } = query;
  const where = [Prisma.sql`pages.committed_at >= ${dialect.instant(since)}`];
  if (until !== undefined) where.push(Prisma.sql`pages.committed_at < ${dialect.instant(until)}`);
  if (source !== undefined) where.push(Prisma.sql`runs.source = ${source}`);
  if (stream !== undefined) where.push(Prisma.sql`runs.stream = ${stream}`);
  const seconds = Math.round(intervalMs / 1_000);
  const rows = await db.$queryRaw<Bucket[]>`
    SELECT runs.source, runs.stream, ${dialect.json.epochSeconds(Prisma.sql`pages.committed_at`)} / ${Prisma.raw(String(seconds))} AS bucket,
      sum(pages.inserted + pages.updated) AS written, sum(pages.dead_lettered) AS dead
    FROM pages JOIN runs ON runs.id = pages.run_id
    WHERE ${Prisma.join(where, " AND ")} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;
  const streams = Map.groupBy(rows, (row) => `${row.source}.${row.stream}`);
  return [...streams.values()].map((buckets) => throughputOf(buckets, seconds));
}

function throughputOf(buckets: Bucket[], seconds: number): Throughput {
  const points = buckets.map(({ bucket, written, dead }) => ({
    at: new Date(Number(bucket) * seconds * 1_000),
    written: Number(written),
    deadLettered: Number(dead),
  }));
  return { source: buckets[0]?.source ?? "", stream: buckets[0]?.stream ?? "", points };
}
