import { compositeRows } from "./composite-rows.ts";
import { jsonbRows } from "./jsonb-rows.ts";
import type { OutputRecord } from "./record.ts";

/** How rows are written, by the database that reads them. */
export type RowFormat = "sqlite" | "postgresql";

export type RowEncoding = {
  /** What is before the first row. */
  headBytes: number;
  /** The most that a row has beside its texts. */
  rowBytes: number;
  /** @param size with the head */
  writeHead(target: Buffer, size: number, rows: number): void;
  /** Returns where it ends. */
  writeRow(target: Buffer, at: number, row: OutputRecord): number;
  /** Where the row ends that begins at `at`. */
  endOf(bytes: Buffer, at: number): number;
  readRow(bytes: Buffer, at: number): ReadValues;
};

type ReadValues = readonly [
  key: string | null,
  ts: string | null,
  version: string | null,
  hash: string | null,
  data: string | null,
  extra: string | null,
];

const encodings: Record<RowFormat, RowEncoding> = { sqlite: jsonbRows, postgresql: compositeRows };

/** Of half a surrogate pair there are six, `\\ud800`, where it is escaped; of any other character three at most, as UTF-8. */
const maxBytesOf = ({ key, version, hash, data, extra }: OutputRecord): number =>
  6 * (key.length + (version?.length ?? 0) + hash.length) + 3 * (data.length + (extra?.length ?? 0));

/** Where rows are written until a piece is full. What a large record made of it is not kept. */
let scratch = Buffer.alloc(0);
const keptBytes = 1024 * 1024;

/**
 * Rows in pieces that end with the row by which they have `pieceBytes`, each in a buffer of its own. As bytes that a database reads without
 * parsing text: a JSON array, of texts that are JSON themselves, took Postgres a sixth of the whole statement.
 */
export function writeRows(
  format: RowFormat,
  rows: readonly OutputRecord[],
  pieceBytes: number,
): Uint8Array<ArrayBuffer>[] {
  const { headBytes, rowBytes, writeHead, writeRow } = encodings[format];
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let [end, count] = [headBytes, 0];
  const cut = () => {
    writeHead(scratch, end, count);
    pieces.push(new Uint8Array(scratch.subarray(0, end)));
    [end, count] = [headBytes, 0];
  };
  for (const row of rows) {
    makeRoom(end, rowBytes + maxBytesOf(row));
    end = writeRow(scratch, end, row);
    count += 1;
    if (end >= pieceBytes) cut();
  }
  if (count > 0) cut();
  if (scratch.length > keptBytes) scratch = Buffer.alloc(0);
  return pieces;
}

function makeRoom(used: number, bytes: number): void {
  if (used + bytes <= scratch.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(keptBytes, used + bytes));
  scratch.copy(larger, 0, 0, used);
  scratch = larger;
}

/** What {@link writeRows} was given; only those that are wanted, by their place among all. */
export function readRows(
  format: RowFormat,
  pieces: readonly Uint8Array[],
  isWanted: (place: number) => boolean = () => true,
): OutputRecord[] {
  const { headBytes, endOf, readRow } = encodings[format];
  const rows: OutputRecord[] = [];
  let place = 0;
  for (const { buffer, byteOffset, byteLength } of pieces) {
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    for (let at = headBytes; at < bytes.length; at = endOf(bytes, at))
      if (isWanted(place++)) rows.push(recordOf(readRow(bytes, at)));
  }
  return rows;
}

function recordOf([key, ts, version, hash, data, extra]: ReadValues): OutputRecord {
  if (key === null || hash === null || data === null) throw new RangeError("a row has no key, hash or data");
  return { key, ts, version, hash, data, ...(extra !== null && { extra }) };
}
