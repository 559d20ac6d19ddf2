import type { RowEncoding } from "./row-format.ts";

/*
 * Postgres' binary form of an array of composite values, as array_recv() and record_recv() of its sources read it: integers big-endian; a
 * field is the number of its type, its size in bytes, -1 for NULL, and that many bytes. The numbers of the types built in never change
 * (pg_type.dat).
 */

const textType = 25;
const timestampType = 1184;
const jsonType = 3802;
const jsonVersion = 1;
const columns = 6;
/** Dimensions, whether any element is NULL, type of the elements, how many there are, and the number of the first. */
const headBytes = 20;
const elementTypeAt = 8;
/** Size and number of fields. */
const rowHeadBytes = 8;
const fieldHeadBytes = 8;
const timestampBytes = 8;
const epochMs = Date.UTC(2000, 0, 1);

function writeText(target: Buffer, at: number, text: string | null): number {
  target.writeInt32BE(textType, at);
  if (text === null) return target.writeInt32BE(-1, at + 4);
  const from = at + fieldHeadBytes;
  const size = text.isWellFormed() ? target.write(text, from) : writeIllFormed(target, from, text);
  target.writeInt32BE(size, at + 4);
  return from + size;
}

const noUtf8 = 0xff;

/** Half of a surrogate pair has no UTF-8, and what stands for it there is another text. Behind this byte it is refused, and not lost. */
function writeIllFormed(target: Buffer, at: number, text: string): number {
  target[at] = noUtf8;
  return 1 + target.write(text, at + 1, "utf16le");
}

function readText(bytes: Buffer): string {
  return bytes[0] === noUtf8 ? bytes.toString("utf16le", 1) : bytes.toString("utf8");
}

function writeJson(target: Buffer, at: number, text: string | null): number {
  target.writeInt32BE(jsonType, at);
  if (text === null) return target.writeInt32BE(-1, at + 4);
  target[at + fieldHeadBytes] = jsonVersion;
  const size = 1 + target.write(text, at + fieldHeadBytes + 1);
  target.writeInt32BE(size, at + 4);
  return at + fieldHeadBytes + size;
}

/** Microseconds since 2000: of many years more than a number tells exactly. */
function writeTimestamp(target: Buffer, at: number, instant: string | null): number {
  target.writeInt32BE(timestampType, at);
  if (instant === null) return target.writeInt32BE(-1, at + 4);
  target.writeInt32BE(timestampBytes, at + 4);
  return target.writeBigInt64BE(BigInt(Date.parse(instant) - epochMs) * 1_000n, at + fieldHeadBytes);
}

/** An array of the type `new_record`, whose number is {@link setRowType}'s to say. */
export const compositeRows: RowEncoding = {
  headBytes,
  rowBytes: rowHeadBytes + columns * (fieldHeadBytes + 1) + timestampBytes,
  writeHead: (target, _size, rows) => {
    const [dimensions, hasNull, elementType, first] = [1, 0, 0, 1];
    for (const [i, value] of [dimensions, hasNull, elementType, rows, first].entries())
      target.writeInt32BE(value, 4 * i);
  },
  writeRow: (target, at, { key, ts, version, hash, data, extra = null }) => {
    let end = target.writeInt32BE(columns, at + 4);
    end = writeText(target, end, key);
    end = writeTimestamp(target, end, ts);
    end = writeText(target, end, version);
    end = writeText(target, end, hash);
    end = writeJson(target, end, data);
    end = writeJson(target, end, extra);
    target.writeInt32BE(end - at - 4, at);
    return end;
  },
  endOf: (bytes, at) => at + 4 + bytes.readInt32BE(at),
  readRow: (bytes, at) => {
    let end = at + rowHeadBytes;
    const field = (): Buffer | undefined => {
      const size = bytes.readInt32BE(end + 4);
      const from = end + fieldHeadBytes;
      end = from + Math.max(0, size);
      return size < 0 ? undefined : bytes.subarray(from, end);
    };
    const text = () => {
      const utf8 = field();
      return utf8 === undefined ? null : readText(utf8);
    };
    const json = () => field()?.toString("utf8", 1) ?? null;
    const instant = () => {
      const micros = field()?.readBigInt64BE(0);
      return micros === undefined ? null : new Date(Number(micros / 1_000n) + epochMs).toISOString();
    };
    return [text(), instant(), text(), text(), json(), json()];
  },
};

/** Writes into rows what number their type has in a database. Who makes rows does not know it, who sends them does. */
export function setRowType({ buffer, byteOffset }: Uint8Array, type: number): void {
  new DataView(buffer, byteOffset).setUint32(elementTypeAt, type);
}
