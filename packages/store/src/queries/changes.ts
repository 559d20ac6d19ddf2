import { Prisma } from "../../generated/postgresql/client.ts";
import type { Prisma as Client } from "../client.ts";
import type { Dialect } from "../dialect.ts";
import { isCurrent } from "../generation.ts";
import type { ChangePage, ChangePlace, ChangeQuery } from "./queries.ts";
import { recordJson } from "./records.ts";

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
export async function listChanges(db: Client, dialect: Dialect, query: ChangeQuery): Promise<ChangePage> {
  const { upTo, isToTheEnd } = await windowOf(db, dialect, query.after);
  const after = query.after === "now" ? { change: upTo } : query.after;
  const where = Prisma.join(predicates(query, after, upTo), " AND ");
  const [page] = await db.$queryRaw<[{ lines: string | null; count: number | bigint; last: string | null }]>`
    SELECT ${dialect.json.linesOf("json", order)} AS lines, count(*) AS count, CAST(max(change) AS TEXT) AS last
    FROM (SELECT change, source, stream, key, ${changeJson(dialect)} AS json
          FROM records WHERE ${where} ORDER BY ${order} LIMIT ${query.limit}) AS page`;
  const lines = page.lines ?? "";
  const count = Number(page.count);
  const isWhole = count < query.limit;
  const next = isWhole || page.last === null ? { change: upTo } : placeOf(page.last, lines);
  return { lines, count, next, isCaughtUp: isWhole && isToTheEnd };
}

const order = Prisma.sql`change, source, stream, key`;

/** How far may be read: to the horizon, and not over too many rows. */
async function windowOf(
  db: Client,
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

function changeJson(dialect: Dialect): Prisma.Sql {
  const kind = Prisma.sql`CASE WHEN deleted_at IS NOT NULL THEN 'deleted' WHEN revision = 1 THEN 'added' ELSE 'updated' END`;
  return dialect.json.jsonObject([
    ["change", kind],
    ["changedAt", dialect.json.isoText(Prisma.sql`updated_at`)],
    ["record", recordJson(dialect, {})],
  ]);
}

function placeOf(change: string, lines: string): ChangePlace {
  const line: { record: { source: string; stream: string; key: string } } = JSON.parse(
    lines.slice(lines.lastIndexOf("\n") + 1),
  );
  const { source, stream, key } = line.record;
  return { change, record: { source, stream, key } };
}
