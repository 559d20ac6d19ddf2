import { contentHash } from "@penstock/core/hash";
import { canonicalJson } from "@penstock/core/json";
import { batchOf, type NumberedRecord, type RecordBatch } from "@penstock/core/record";

/** What a transformer makes of a page of records of 0.2 kB. */
export type MadePage = {
  number: number;
  records: NumberedRecord[];
  batch: RecordBatch;
  /** The rows of the batch as one JSON array. */
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
  const batch = batchOf(records);
  return { number, records, batch, whole: joined(batch) };
}

function joined({ rows }: RecordBatch): Uint8Array {
  const within = rows.map((piece) => Buffer.from(piece).toString("utf8").slice(1, -1));
  return Buffer.from(`[${within.join(",")}]`);
}
