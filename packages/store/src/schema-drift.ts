import { type ContractAction, type DriftCount, type DriftKind, otherPaths } from "@penstock/core/drift";
import type { Prisma } from "./client.ts";
import type { Dialect } from "./dialect.ts";
import type { Statements } from "./statements.ts";
import type { DriftPage, StoredDrift } from "./store.ts";

/** Where counting stops: the column holds no more, and a field that is new in every record of a large stream gets there. */
const maxRecords = 2_147_483_647;

/** Of a stream. Beyond that new paths are counted together: an API may use ids as names of fields. */
const maxPaths = 1_000;

const columnTypes = ["text", "text", "text", "text", "text", "integer"] as const;

/**
 * Counts a page's drift, and returns what was never seen before. In the page transaction it comes last: two pages that have the same
 * drift wait for each other here.
 */
export async function noteDrift(
  db: Statements,
  dialect: Dialect,
  { source, stream, runId, seq, schemaVersion }: DriftPage,
  drift: readonly DriftCount[],
): Promise<DriftCount[]> {
  if (drift.length === 0) return [];
  const bounded = await withinLimit(db, dialect, { source, stream }, drift);
  const rows = bounded
    .toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
    .map(({ kind, path, came, expected, action, records }) => [kind, path, came, expected, action, records]);
  const written = await db.$queryRaw<{ kind: string; path: string; came: string; pages: number }[]>`
    INSERT INTO schema_drift (source, stream, kind, path, came, expected, action, schema_version, records, first_seen_at, last_seen_at, run_id, seq)
    SELECT ${source}, ${stream}, c0, c1, c2, c3, c4, ${schemaVersion}, c5, ${dialect.now}, ${dialect.now}, ${runId}, ${seq}
    FROM (${dialect.rowsOf(JSON.stringify(rows), columnTypes)}) AS new
    WHERE true
    ON CONFLICT (source, stream, kind, path, came) DO UPDATE SET
      expected = excluded.expected, action = excluded.action, schema_version = excluded.schema_version,
      records = CASE WHEN schema_drift.records > ${maxRecords} - excluded.records THEN ${maxRecords} ELSE schema_drift.records + excluded.records END, pages = schema_drift.pages + 1,
      last_seen_at = excluded.last_seen_at, run_id = excluded.run_id, seq = excluded.seq
    RETURNING kind, path, came, pages`;
  const isNew = new Set(written.filter(({ pages }) => Number(pages) === 1).map(idOf));
  return bounded.filter((each) => isNew.has(idOf(each)));
}

const idOf = ({ kind, path, came }: { kind: string; path: string; came: string }): string =>
  JSON.stringify([kind, path, came]);

async function withinLimit(
  db: Statements,
  dialect: Dialect,
  { source, stream }: { source: string; stream: string },
  drift: readonly DriftCount[],
): Promise<DriftCount[]> {
  const [{ known }] = await db.$queryRaw<[{ known: number | bigint }]>`
    SELECT count(*) AS known FROM schema_drift WHERE source = ${source} AND stream = ${stream}`;
  if (Number(known) + drift.length <= maxPaths) return [...drift];
  const paths = JSON.stringify(drift.map(({ path }) => path));
  const rows = await db.$queryRaw<{ kind: string; path: string; came: string }[]>`
    SELECT kind, path, came FROM schema_drift WHERE source = ${source} AND stream = ${stream} AND path IN (${dialect.textsOf(paths)})`;
  const stored = new Set(rows.map(idOf));
  const isNamed = (each: DriftCount) => each.path !== otherPaths && stored.has(idOf(each));
  const others = new Map<DriftKind, DriftCount>();
  for (const each of drift.filter((one) => !isNamed(one))) {
    const records = (others.get(each.kind)?.records ?? 0) + each.records;
    others.set(each.kind, { ...each, path: otherPaths, expected: "", came: "", records });
  }
  return [...drift.filter(isNamed), ...others.values()];
}

/** Latest first. */
export async function listDrift(
  db: Prisma,
  { source, stream, schemaVersion, limit }: { source: string; stream: string; schemaVersion?: string; limit: number },
): Promise<StoredDrift[]> {
  const rows = await db.schemaDrift.findMany({
    where: { source, stream, ...(schemaVersion !== undefined && { schemaVersion }) },
    orderBy: [{ lastSeenAt: "desc" }, { kind: "asc" }, { path: "asc" }],
    take: limit,
  });
  return rows.map(({ kind, action, ...row }) => ({
    ...row,
    kind: kind as DriftKind,
    action: action as ContractAction,
  }));
}
