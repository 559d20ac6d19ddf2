import { Prisma } from "../../generated/postgresql/client.ts";
import type { Dialect } from "../dialect.ts";
import { isCurrent } from "../generation.ts";
import type { Statements } from "../statements.ts";
import type { ChangePage, ChangePlace, ChangeQuery } from "./queries.ts";
import { instantJson, nameJson, type RecordRow, recordColumns, recordJson, type StreamName } from "./records.ts";

/*
 * The order in which records changed. A transaction that writes records gives all of them one number, `change`: on SQLite, where
 * one transaction writes at a time, the next; on Postgres, where many do, its own number (xid8), which is not the order in which
 * they commit. So a reader stops before the oldest transaction that is still under way when it looks (`pg_snapshot_xmin`):
 * all below that have ended, and nothing will ever appear behind a place that was read. A transaction that stays open for an hour
 * holds the feed back for an hour; it never makes it skip.
 *
 * A record that changed again has moved to its last change: the feed tells what is so now, not what was in between. Streams that
 * are replaced are not in it (their `change` is 0): a full refresh is another state of the whole, not a change of its records.
 */

/** Rows looked at for one page, so that a page costs the same where few of them are asked for. */
const lookedAt = 5_000;

/** One page of changes behind a place, as far as they are certain to be complete. */
export async function listChanges(db: Statements, dialect: Dialect, query: ChangeQuery): Promise<ChangePage> {
  const { upTo, isToTheEnd } = await windowOf(db, dialect, query.after);
  const after = query.after === "now" ? { change: upTo } : query.after;
  const where = Prisma.join(predicates(query, after, upTo), " AND ");
  const rows = await db.$queryRaw<ChangedRow[]>`
    SELECT source, stream, ${recordColumns(dialect, {})}, CAST(change AS TEXT) AS change_text
    FROM records WHERE ${where} ORDER BY ${order} LIMIT ${query.limit}`;
  const last = rows.at(-1);
  const isWhole = rows.length < query.limit;
  const next = isWhole || last === undefined ? { change: upTo } : placeOf(last);
  return { changes: rows.map(changeJson), next, isCaughtUp: isWhole && isToTheEnd };
}

/** `change_text`, since what is sorted by must stay a number. */
type ChangedRow = StreamName & RecordRow & { change_text: string };

const order = Prisma.sql`change, source, stream, key`;

/** How far may be read: to the horizon, and not over too many rows. */
async function windowOf(
  db: Statements,
  dialect: Dialect,
  after: ChangeQuery["after"],
): Promise<{ upTo: string; isToTheEnd: boolean }> {
  const from = after === "now" ? undefined : (after?.change ?? "0");
  const edge =
    from === undefined
      ? Prisma.sql`NULL`
      : Prisma.sql`(SELECT change FROM records WHERE change >= ${BigInt(from)} AND change > 0 ORDER BY change LIMIT 1 OFFSET ${lookedAt})`;
  const [row] = await db.$queryRaw<[{ horizon: bigint; edge: bigint | null }]>`
    SELECT ${dialect.changeHorizon} AS horizon, ${edge} AS edge`;
  const horizon = BigInt(row.horizon) - 1n;
  const isToTheEnd = row.edge === null || BigInt(row.edge) >= horizon;
  const upTo = isToTheEnd ? horizon : BigInt(row.edge ?? 0);
  // A cursor of before a restore may be ahead; it must not move back.
  const start = BigInt(from ?? 0);
  return { upTo: String(upTo < start ? start : upTo), isToTheEnd };
}

function predicates({ source, stream }: ChangeQuery, after: ChangePlace | undefined, upTo: string): Prisma.Sql[] {
  const all = [isCurrent("records"), Prisma.sql`change > 0`, Prisma.sql`change <= ${BigInt(upTo)}`];
  if (source !== undefined) all.push(Prisma.sql`source = ${source}`);
  if (stream !== undefined) all.push(Prisma.sql`stream = ${stream}`);
  if (after === undefined) return all;
  const change = BigInt(after.change);
  if (after.record === undefined) return [...all, Prisma.sql`change > ${change}`];
  const { source: s, stream: t, key } = after.record;
  const isBehind = Prisma.sql`(change > ${change} OR (source, stream, key) > (${s}, ${t}, ${key}))`;
  return [...all, Prisma.sql`change >= ${change}`, isBehind];
}

function changeJson(row: ChangedRow): string {
  const kind = row.deleted_at !== null ? "deleted" : Number(row.revision) === 1 ? "added" : "updated";
  return `{"change":"${kind}","changedAt":${instantJson(row.updated_at)},"record":${recordJson(nameJson(row), row)}}`;
}

function placeOf({ change_text: change, source, stream, key }: ChangedRow): ChangePlace {
  return { change, record: { source, stream, key } };
}
