import { pieceChars } from "./pieces.ts";
import { type RowFormat, readRows, writeRows } from "./row-format.ts";

/** One row on its way to the table `records`. Its identity is `(source, stream, key)`. */
export type OutputRecord = {
  key: string;
  /** Event time as ISO text in UTC to the millisecond, for the watermark and for time-range queries; not the version. */
  ts: string | null;
  /** The declared version field, made sortable as text; `null` where none is declared. */
  version: string | null;
  /** The output, as JSON text with sorted fields. */
  data: string;
  /** What came and the schema does not have, by path, as JSON text; absent when there is none, or it is not kept. */
  extra?: string;
  /** SHA-256 of `data`, with `extra` behind it where there is some. */
  hash: string;
};

/**
 * What becomes of records that are stored already:
 *
 * - `merge`: the newest version of each key is kept
 * - `append`: nothing is ever changed; what is there stays
 * - `replace`: each run brings all there is, and what it brought takes the place of what was there when it has succeeded
 */
export type WriteMode = "merge" | "append" | "replace";

/** `input` numbers the input record that it came from, within the page. */
export type NumberedRecord = OutputRecord & { input: number };

/**
 * The records of a page, one per key and sorted by it, as they are sent to the database. Made where the records are made, so that what
 * passes between threads, and into the statement, is one piece and not thousands of objects; bytes, since these are handed over without
 * a copy, and a long text of each page that waits for its commit would fill the heap.
 */
export type RecordBatch = {
  /** That the rows are in. */
  format: RowFormat;
  /** In pieces, see pieces.ts. */
  rows: readonly Uint8Array<ArrayBuffer>[];
  /** JSON array of the keys. */
  keys: string;
  /** The input of each record. */
  inputs: readonly number[];
};

/** Of no records, and so for either database. */
export const emptyBatch: RecordBatch = { format: "sqlite", rows: [], keys: "[]", inputs: [] };

/** @param records one per key, sorted by key, lest two transactions wait for each other's rows */
export function batchOf(records: readonly NumberedRecord[], format: RowFormat): RecordBatch {
  return {
    format,
    rows: writeRows(format, records, pieceChars),
    keys: JSON.stringify(records.map(({ key }) => key)),
    inputs: records.map(({ input }) => input),
  };
}

/**
 * Gives back the memory of records that are committed; the batch is of no use from then on. Buffers hardly make a thread that commits collect
 * garbage: of a hundred pages the rows stood about, 30 MB.
 */
export function releaseRows({ rows }: RecordBatch): void {
  for (const { buffer } of rows) buffer.transfer(0);
}

/** What {@link batchOf} was given. */
export function recordsOf({ format, rows, inputs }: RecordBatch): NumberedRecord[] {
  return readRows(format, rows).map((row, i) => ({ ...row, input: inputs[i] ?? -1 }));
}

/** The hashes of the records that have one of these keys, by key. The others are not read. */
export function hashesOf(batch: RecordBatch, among: ReadonlySet<string>): Map<string, string> {
  const keys = keysOf(batch);
  const rows = readRows(batch.format, batch.rows, (place) => among.has(keys[place] ?? ""));
  return new Map(rows.map(({ key, hash }) => [key, hash]));
}

export function keysOf({ keys }: RecordBatch): string[] {
  const parsed: string[] = JSON.parse(keys);
  return parsed;
}
