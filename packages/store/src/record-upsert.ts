import type { OutputRecord } from "@penstock/core/record";
import { Prisma } from "../generated/postgresql/client.ts";
import type { Transaction } from "./client.ts";
import { type Dialect, storedInstant } from "./dialect.ts";

export type UpsertOrigin = {
  source: string;
  stream: string;
  runId: string;
  seq: number;
  observedAt: Date;
  schemaVersion: string;
};
export type NumberedRecord = OutputRecord & { input: number };
export type UpsertCounts = { inserted: number; updated: number; unchanged: number; rowsWritten: number };

const columnTypes = ["text", "timestamp", "text", "text", "json"] as const;

/**
 * Writes records by one set-based statement. A stored row is replaced if and only if the new `(version, observed_at)` is
 * greater – no version being the lowest – and its content differs. Counts are over inputs: one that made several rows is
 * `inserted` if any of them was, else `updated` if any was.
 */
export async function upsertRecords(
  db: Transaction,
  dialect: Dialect,
  origin: UpsertOrigin,
  records: NumberedRecord[],
): Promise<UpsertCounts> {
  if (records.length === 0) return { inserted: 0, updated: 0, unchanged: 0, rowsWritten: 0 };
  const inputs = new Set(records.map(({ input }) => input)).size;
  if (inputs === records.length) return countRows(db, dialect, origin, records);
  const written = await db.$queryRaw<
    { key: string; revision: number }[]
  >`${statement(dialect, origin, records)} RETURNING key, revision`;
  return countInputs(records, written);
}

/** Where each input made one row, the database's counts of rows are those of inputs, and no row has to come back. */
async function countRows(
  db: Transaction,
  dialect: Dialect,
  origin: UpsertOrigin,
  records: NumberedRecord[],
): Promise<UpsertCounts> {
  const keys = JSON.stringify(records.map(({ key }) => key));
  const { source, stream } = origin;
  const batch = { source, stream, keys, rows: records.length, upsert: statement(dialect, origin, records) };
  const { inserted, written } = await dialect.countWritten(db, batch);
  return { inserted, updated: written - inserted, unchanged: records.length - written, rowsWritten: written };
}

function statement(dialect: Dialect, origin: UpsertOrigin, records: NumberedRecord[]): Prisma.Sql {
  const observedAt = dialect.instant(origin.observedAt);
  const rows = JSON.stringify(
    records.map(({ key, ts, version, hash, data }) => [key, ts && storedInstant(ts), version, hash, data]),
  );
  return Prisma.sql`
    INSERT INTO records (source, stream, key, ts, version, hash, data, observed_at, run_id, seq, schema_version, first_seen_at, updated_at)
    SELECT ${origin.source}, ${origin.stream}, c0, c1, c2, c3, c4, ${observedAt}, ${origin.runId}, ${origin.seq}, ${origin.schemaVersion}, ${dialect.now}, ${dialect.now}
    FROM (${dialect.rowsOf(rows, columnTypes)}) AS new
    WHERE true
    ON CONFLICT (source, stream, key) DO UPDATE SET
      ts = excluded.ts, version = excluded.version, hash = excluded.hash, data = excluded.data, observed_at = excluded.observed_at,
      run_id = excluded.run_id, seq = excluded.seq, schema_version = excluded.schema_version,
      updated_at = excluded.updated_at, deleted_at = NULL, revision = records.revision + 1
    WHERE (excluded.hash <> records.hash OR records.deleted_at IS NOT NULL)
      AND (excluded.version IS NOT NULL, COALESCE(excluded.version, ''), excluded.observed_at)
        > (records.version IS NOT NULL, COALESCE(records.version, ''), records.observed_at)`;
}

function countInputs(records: NumberedRecord[], written: { key: string; revision: number }[]): UpsertCounts {
  const inputOf = new Map(records.map(({ key, input }) => [key, input]));
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
