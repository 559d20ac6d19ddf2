import { contentHash } from "@penstock/core/hash";
import { canonicalJson } from "@penstock/core/json";
import { batchOf, type NumberedRecord, type RecordBatch } from "@penstock/core/record";
import type { RowFormat } from "@penstock/core/row-format";
import { storedInstant } from "@penstock/core/stored-instant";

/** What a transformer makes of a page of records of 0.2 kB. */
export type MadePage = {
  number: number;
  records: NumberedRecord[];
  batches: Record<RowFormat, RecordBatch>;
  /** The rows as one JSON array. */
  whole: Uint8Array;
};

export const madePageSize = 1_000;
const ts = "2026-01-01T00:00:00.000Z";

/** The keys of pages of other numbers are others. */
export function pageAt(number: number): MadePage {
  const records = Array.from({ length: madePageSize }, (_, input) => {
    const key = `k${String(number * madePageSize + input).padStart(12, "0")}`;
    const note = "pressure gate turbine river intake flow level ".repeat(3);
    const data = canonicalJson({ id: key, note, value: input / 10 });
    return { key, ts, version: null, data, hash: contentHash(data), input };
  });
  const batches = { sqlite: batchOf(records, "sqlite"), postgresql: batchOf(records, "postgresql") };
  return { number, records, batches, whole: Buffer.from(JSON.stringify(records.map(rowOf))) };
}

const rowOf = ({ key, ts, version, hash, data }: NumberedRecord) => [
  key,
  ts === null ? null : storedInstant(ts),
  version,
  hash,
  data,
  null,
];
