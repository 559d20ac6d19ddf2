import { livePartition } from "@penstock/core/run";
import { Prisma } from "../../generated/postgresql/client.ts";
import type { Prisma as Client } from "../client.ts";
import type { Dialect } from "../dialect.ts";
import { currentGeneration, isCurrent } from "../generation.ts";
import { storedLetter } from "../letters.ts";
import { conditionSql } from "./condition-sql.ts";
import type { Queries, RecordDetail, RecordPage, RecordPlace, RecordQuery } from "./queries.ts";

/** One page of records, behind the place where the one before ended. */
export async function listRecords(db: Client, dialect: Dialect, query: RecordQuery): Promise<RecordPage> {
  const order = orders[query.order];
  const where = Prisma.join(predicates(dialect, query), " AND ");
  const [page] = await db.$queryRaw<[{ lines: string | null; count: number | bigint }]>`
    SELECT ${dialect.json.linesOf("json", order)} AS lines, count(*) AS count
    FROM (SELECT source, stream, generation, key, ts, ${recordJson(dialect, query)} AS json
          FROM records WHERE ${where} ORDER BY ${order} LIMIT ${query.limit}) AS page`;
  const lines = page.lines ?? "";
  return { lines, count: Number(page.count), last: lastOf(lines) };
}

const orders = {
  // One generation of each stream is read, so that this is the order of the keys, and that of the primary key.
  key: Prisma.sql`source, stream, generation, key`,
  ts: Prisma.sql`ts, key`,
  "-ts": Prisma.sql`ts DESC, key DESC`,
};

function predicates(dialect: Dialect, query: RecordQuery): Prisma.Sql[] {
  const { source, stream, keys, from, to, conditions, isDeleted, order, after } = query;
  const generation =
    source === undefined || stream === undefined
      ? isCurrent("records")
      : Prisma.sql`generation = ${currentGeneration({ source, stream })}`;
  const all = [generation, isDeleted ? Prisma.sql`deleted_at IS NOT NULL` : Prisma.sql`deleted_at IS NULL`];
  if (source !== undefined) all.push(Prisma.sql`source = ${source}`);
  if (stream !== undefined) all.push(Prisma.sql`stream = ${stream}`);
  if (keys.length > 0) all.push(Prisma.sql`key IN (${dialect.textsOf(JSON.stringify(keys))})`);
  if (from !== undefined) all.push(Prisma.sql`ts >= ${dialect.instant(from)}`);
  if (to !== undefined) all.push(Prisma.sql`ts < ${dialect.instant(to)}`);
  if (order !== "key") all.push(Prisma.sql`ts IS NOT NULL`);
  if (after !== undefined) all.push(behind(dialect, order, after));
  return [...all, ...conditions.map((condition) => conditionSql(dialect, condition))];
}

function behind(dialect: Dialect, order: RecordQuery["order"], { source, stream, key, ts }: RecordPlace): Prisma.Sql {
  if (order === "key")
    return Prisma.sql`(source, stream, generation, key) > (${source}, ${stream}, ${currentGeneration({ source, stream })}, ${key})`;
  const place = Prisma.sql`(${dialect.instant(new Date(ts ?? 0))}, ${key})`;
  return order === "ts" ? Prisma.sql`(ts, key) > ${place}` : Prisma.sql`(ts, key) < ${place}`;
}

/** A row of `records` as JSON. */
export function recordJson(dialect: Dialect, { fields }: Pick<RecordQuery, "fields">): Prisma.Sql {
  const iso = (column: string) => dialect.json.isoText(Prisma.raw(column));
  const data = fields === undefined ? dialect.json.data : dataOf(dialect, fields);
  return dialect.json.jsonObject([
    ["source", Prisma.sql`source`],
    ["stream", Prisma.sql`stream`],
    ["key", Prisma.sql`key`],
    ["ts", iso("ts")],
    ["data", data],
    ["revision", Prisma.sql`revision`],
    ["observedAt", iso("observed_at")],
    ["firstSeenAt", iso("first_seen_at")],
    ["updatedAt", iso("updated_at")],
    ["deletedAt", iso("deleted_at")],
    ["runId", Prisma.sql`run_id`],
    ["seq", Prisma.sql`seq`],
    ["schemaVersion", Prisma.sql`schema_version`],
  ]);
}

/** The fields that were asked for, each by its path; `null` where a record has it not. */
function dataOf(dialect: Dialect, fields: NonNullable<RecordQuery["fields"]>): Prisma.Sql {
  return dialect.json.jsonObject(fields.map((path) => [path.join("."), dialect.json.fieldJson(path)] as const));
}

function lastOf(lines: string): RecordPlace | undefined {
  if (lines === "") return undefined;
  const { source, stream, key, ts }: RecordPlace = JSON.parse(lines.slice(lines.lastIndexOf("\n") + 1));
  return { source, stream, key, ts };
}

const lettersShown = 50;

/** A record with its run, page and dead letters. */
export async function readRecordDetail(
  db: Client,
  name: Parameters<Queries["record"]>[0],
): Promise<RecordDetail | undefined> {
  const { source, stream, key } = name;
  const live = { source_stream_partition: { source, stream, partition: livePartition } };
  const checkpoint = await db.checkpoint.findUnique({ where: live, select: { generation: true } });
  const generation = checkpoint?.generation ?? 0;
  const where = { source_stream_generation_key: { ...name, generation } };
  const row = await db.row.findUnique({ where, omit: { generation: true, change: true } });
  if (row === null) return undefined;
  const [run, page, letters] = await Promise.all([
    db.run.findUnique({ where: { id: row.runId }, select: { status: true, startedAt: true } }),
    db.page.findUnique({ where: { runId_seq: { runId: row.runId, seq: row.seq } }, select: { committedAt: true } }),
    db.deadLetter.findMany({
      where: { source, stream, recordKey: key, kind: "record" },
      orderBy: [{ firstSeenAt: "desc" }, { id: "desc" }],
      take: lettersShown,
    }),
  ]);
  return {
    ...row,
    run: run as RecordDetail["run"],
    pageCommittedAt: page?.committedAt ?? null,
    letters: letters.map(storedLetter),
  };
}
