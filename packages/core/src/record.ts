import { pieceChars } from "./pieces.ts";

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
  /**
   * In pieces (see pieces.ts), each a JSON array of `[key, ts, version, hash, data, extra]`, with `ts` as {@link storedInstant} writes it;
   * UTF-8, in a buffer of its own.
   */
  rows: readonly Uint8Array<ArrayBuffer>[];
  /** JSON array of the keys. */
  keys: string;
  /** The input of each record. */
  inputs: readonly number[];
};

const utf8 = new TextEncoder();

export const emptyBatch: RecordBatch = { rows: [], keys: "[]", inputs: [] };

/** @param records one per key, sorted by key, lest two transactions wait for each other's rows */
export function batchOf(records: readonly NumberedRecord[]): RecordBatch {
  return {
    rows: piecesOf(records),
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

/** What a row has beside key and content: hash, times, quotes. */
const charsAround = 150;

function piecesOf(records: readonly NumberedRecord[]): Uint8Array<ArrayBuffer>[] {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let rows: Row[] = [];
  let chars = 0;
  const cut = () => {
    pieces.push(utf8.encode(JSON.stringify(rows)));
    rows = [];
    chars = 0;
  };
  for (const { key, ts, version, hash, data, extra = null } of records) {
    rows.push([key, ts === null ? null : storedInstant(ts), version, hash, data, extra]);
    chars += key.length + data.length + (extra?.length ?? 0) + charsAround;
    if (chars >= pieceChars) cut();
  }
  if (rows.length > 0) cut();
  return pieces;
}

/**
 * As Prisma's SQLite adapter writes an instant, so that its reads and ours, and comparisons of text, agree; Postgres reads it as well.
 *
 * @param instant ISO text in UTC, as `toISOString` writes it
 */
export function storedInstant(instant: string): string {
  return `${instant.slice(0, -1)}+00:00`;
}

const givenInstant = (stored: string): string => stored.replace("+00:00", "Z");

type Row = [key: string, ts: string | null, version: string | null, hash: string, data: string, extra: string | null];

/** What {@link batchOf} was given. */
export function recordsOf({ rows, inputs }: RecordBatch): NumberedRecord[] {
  const parsed = rows.flatMap((piece): Row[] => JSON.parse(new TextDecoder().decode(piece)));
  return parsed.map(([key, ts, version, hash, data, extra], i) => {
    const record = { key, ts: ts === null ? null : givenInstant(ts), version, hash, data, input: inputs[i] ?? -1 };
    return extra === null ? record : { ...record, extra };
  });
}

export function keysOf({ keys }: RecordBatch): string[] {
  const parsed: string[] = JSON.parse(keys);
  return parsed;
}
