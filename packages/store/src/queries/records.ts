import { livePartition } from "@penstock/core/run";
import { Prisma } from "../../generated/postgresql/client.ts";
import type { Prisma as Client } from "../client.ts";
import type { Dialect } from "../dialect.ts";
import { storedLetter } from "../find-letters.ts";
import { currentGeneration } from "../generation.ts";
import type { Statements } from "../statements.ts";
import { conditionSql } from "./condition-sql.ts";
import type { Queries, RecordDetail, RecordPage, RecordPlace, RecordQuery } from "./queries.ts";

/**
 * One page of records, behind the place where the one before ended. Streams that are read one after the other are asked one after the
 * other: of a condition on all of them at once a database without statistics of a table that grows thinks that nearly nothing meets it,
 * and sorts the whole table.
 */
export async function listRecords(db: Statements, dialect: Dialect, query: RecordQuery): Promise<RecordPage> {
  const { source, stream, after } = query;
  if (source !== undefined && stream !== undefined) return readStream(db, dialect, { ...query, source, stream });
  const pages: RecordPage[] = [];
  let left = query.limit;
  for (
    let at: StreamName | undefined = after ?? (await streamAfter(db, source));
    at;
    at = await streamAfter(db, source, at)
  ) {
    const isBegun = at.source === after?.source && at.stream === after.stream;
    const { after: _, ...rest } = query;
    const one = { ...rest, source: at.source, stream: at.stream, limit: left, ...(isBegun && { after }) };
    const page = await readStream(db, dialect, one);
    if (page.last !== undefined) pages.push(page);
    left -= page.records.length;
    if (left === 0) break;
  }
  return { records: pages.flatMap(({ records }) => records), last: pages.at(-1)?.last };
}

export type StreamName = { source: string; stream: string };

/** The first stream behind this one, of all or of a source's, that has ever had records. */
async function streamAfter(db: Statements, source?: string, at?: StreamName): Promise<StreamName | undefined> {
  const conditions = [
    ...(source === undefined ? [] : [Prisma.sql`source = ${source}`]),
    ...(at === undefined
      ? []
      : [
          source === undefined
            ? Prisma.sql`(source, stream) > (${at.source}, ${at.stream})`
            : Prisma.sql`stream > ${at.stream}`,
        ]),
  ];
  const where = conditions.length === 0 ? Prisma.empty : Prisma.sql`WHERE ${Prisma.join(conditions, " AND ")}`;
  const [next] = await db.$queryRaw<StreamName[]>`
    SELECT source, stream FROM records ${where} ORDER BY source, stream, generation, key LIMIT 1`;
  return next;
}

async function readStream(db: Statements, dialect: Dialect, query: RecordQuery & StreamName): Promise<RecordPage> {
  const where = Prisma.join(predicates(dialect, query), " AND ");
  const rows = await db.$queryRaw<RecordRow[]>`
    SELECT ${recordColumns(dialect, query)}
    FROM (SELECT * FROM records WHERE ${where} ORDER BY ${orders[query.order]} LIMIT ${query.limit}) AS found
    ORDER BY ${orders[query.order]}`;
  const last = rows.at(-1);
  const { source, stream } = query;
  const name = nameJson(query);
  return {
    records: rows.map((row) => recordJson(name, row)),
    last: last && { source, stream, key: last.key, ts: isoOf(last.ts_text) },
  };
}

const orders = {
  key: Prisma.sql`key`,
  ts: Prisma.sql`ts, key`,
  "-ts": Prisma.sql`ts DESC, key DESC`,
};

function predicates(dialect: Dialect, query: RecordQuery & StreamName): Prisma.Sql[] {
  const { source, stream, keys, from, to, conditions, isDeleted, order, after } = query;
  // A generation that is computed on keeps SQLite's planner from the primary key, where another order is asked for.
  const generation = Prisma.sql`${order === "key" ? Prisma.empty : Prisma.sql`+`}generation`;
  const all = [
    Prisma.sql`source = ${source} AND stream = ${stream} AND ${generation} = ${currentGeneration({ source, stream })}`,
    isDeleted ? Prisma.sql`deleted_at IS NOT NULL` : Prisma.sql`deleted_at IS NULL`,
  ];
  if (keys.length > 0) all.push(Prisma.sql`key IN (${dialect.textsOf(JSON.stringify(keys))})`);
  if (from !== undefined) all.push(Prisma.sql`ts >= ${dialect.instant(from)}`);
  if (to !== undefined) all.push(Prisma.sql`ts < ${dialect.instant(to)}`);
  if (order !== "key") all.push(Prisma.sql`ts IS NOT NULL`);
  if (after !== undefined) all.push(behind(dialect, order, after));
  return [...all, ...conditions.map((condition) => conditionSql(dialect, condition))];
}

function behind(dialect: Dialect, order: RecordQuery["order"], { key, ts }: RecordPlace): Prisma.Sql {
  if (order === "key") return Prisma.sql`key > ${key}`;
  const place = Prisma.sql`(${dialect.instant(new Date(ts ?? 0))}, ${key})`;
  return order === "ts" ? Prisma.sql`(ts, key) > ${place}` : Prisma.sql`(ts, key) < ${place}`;
}

/** What {@link recordJson} is made of, as the driver gives it: instants are text, and so is the data. */
export type RecordRow = {
  key: string;
  data: string;
  revision: number | bigint;
  run_id: string;
  seq: number | bigint;
  schema_version: string;
  observed_at: string;
  first_seen_at: string;
  updated_at: string;
  /** `ts` is what is sorted by, as an instant. */
  ts_text: string | null;
  deleted_at: string | null;
};

export function recordColumns(dialect: Dialect, { fields }: Pick<RecordQuery, "fields">): Prisma.Sql {
  const data = fields === undefined ? Prisma.sql`data` : dataOf(dialect, fields);
  return Prisma.sql`key, CAST(${data} AS TEXT) AS data, revision, run_id, seq, schema_version,
    CAST(observed_at AS TEXT) AS observed_at, CAST(first_seen_at AS TEXT) AS first_seen_at, CAST(updated_at AS TEXT) AS updated_at,
    CAST(ts AS TEXT) AS ts_text, CAST(deleted_at AS TEXT) AS deleted_at`;
}

/** What the records of a stream begin with. */
export function nameJson({ source, stream }: StreamName): string {
  return `"source":${JSON.stringify(source)},"stream":${JSON.stringify(stream)}`;
}

/** A record as the API gives it. Put together here: where the database does it, it takes twice as long, for the times above all. */
export function recordJson(name: string, row: RecordRow): string {
  const { ts_text: ts, data, revision, seq } = row;
  const key = JSON.stringify(row.key);
  const runId = JSON.stringify(row.run_id);
  const schemaVersion = JSON.stringify(row.schema_version);
  return `{${name},"key":${key},"ts":${instantJson(ts)},"data":${data},"revision":${revision},\
"observedAt":${instantJson(row.observed_at)},"firstSeenAt":${instantJson(row.first_seen_at)},"updatedAt":${instantJson(row.updated_at)},\
"deletedAt":${instantJson(row.deleted_at)},"runId":${runId},"seq":${seq},"schemaVersion":${schemaVersion}}`;
}

/** In quotes; `null` for none. */
export function instantJson(text: string | null): string {
  return text === null ? "null" : `"${isoOf(text)}"`;
}

const secondsLength = "2026-01-01T00:00:00".length;
/** What the databases call UTC: SQLite has what was stored, Postgres what it makes of an instant. */
const utcs = ["+00:00", "+00"];

/** ISO text in UTC to the millisecond. Postgres writes a blank for the T, and leaves zeros at the end out. */
function isoOf<T extends string | null>(text: T): T | string {
  if (text === null) return text;
  const utc = utcs.find((name) => text.endsWith(name));
  if (utc === undefined) return new Date(text).toISOString();
  const time = text.slice(0, -utc.length).replace(" ", "T");
  return `${(time.length === secondsLength ? `${time}.` : time).padEnd(secondsLength + 4, "0")}Z`;
}

/** The fields that were asked for, each by its path; `null` where a record has it not. */
function dataOf(dialect: Dialect, fields: NonNullable<RecordQuery["fields"]>): Prisma.Sql {
  return dialect.json.jsonObject(fields.map((path) => [path.join("."), dialect.json.fieldJson(path)] as const));
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
