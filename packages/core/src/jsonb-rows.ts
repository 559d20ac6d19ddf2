import type { RowEncoding } from "./row-format.ts";
import { givenInstant, storedInstant } from "./stored-instant.ts";

/*
 * SQLite's JSONB (https://sqlite.org/jsonb.html): an element is a byte with its type and the width of its size, the size in bytes,
 * big-endian, and that many bytes. A size may be wider than it has to be. Text is as it is, without escapes, but for what UTF-8 cannot say.
 */

const nullHead = 0x00;
const textHead16 = 0xda;
const textHead32 = 0xea;
const escapedHead32 = 0xe8;
const arrayHead32 = 0xeb;
const head16Bytes = 3;
const head32Bytes = 5;
/** A character of a JavaScript text is three bytes of UTF-8 at most. */
const maxChars16 = Math.floor(0xff_ff / 3);

function writeHead32(target: Buffer, at: number, head: number, size: number): void {
  target[at] = head;
  target.writeUInt32BE(size, at + 1);
}

function writeText32(target: Buffer, at: number, head: number, text: string): number {
  const size = target.write(text, at + head32Bytes);
  writeHead32(target, at, head, size);
  return at + head32Bytes + size;
}

function writeText(target: Buffer, at: number, text: string | null): number {
  if (text === null) return target.writeUInt8(nullHead, at);
  // Half a surrogate pair: what stands for it in UTF-8 is another text.
  if (!text.isWellFormed()) return writeText32(target, at, escapedHead32, JSON.stringify(text).slice(1, -1));
  if (text.length > maxChars16) return writeText32(target, at, textHead32, text);
  const size = target.write(text, at + head16Bytes);
  target[at] = textHead16;
  target.writeUInt16BE(size, at + 1);
  return at + head16Bytes + size;
}

/** An array of `[key, ts, version, hash, data, extra]`, `ts` as {@link storedInstant} writes it. */
export const jsonbRows: RowEncoding = {
  headBytes: head32Bytes,
  rowBytes: 7 * head32Bytes + storedInstant(new Date(0).toISOString()).length,
  writeHead: (target, size) => writeHead32(target, 0, arrayHead32, size - head32Bytes),
  writeRow: (target, at, { key, ts, version, hash, data, extra = null }) => {
    let end = writeText(target, at + head32Bytes, key);
    end = writeText(target, end, ts === null ? null : storedInstant(ts));
    end = writeText(target, end, version);
    end = writeText(target, end, hash);
    end = writeText(target, end, data);
    end = writeText(target, end, extra);
    writeHead32(target, at, arrayHead32, end - at - head32Bytes);
    return end;
  },
  endOf: (bytes, at) => at + head32Bytes + bytes.readUInt32BE(at + 1),
  readRow: (bytes, at) => {
    let end = at + head32Bytes;
    const text = (): string | null => {
      const head = bytes[end];
      if (head === nullHead) {
        end += 1;
        return null;
      }
      const from = end + (head === textHead16 ? head16Bytes : head32Bytes);
      end = from + (head === textHead16 ? bytes.readUInt16BE(end + 1) : bytes.readUInt32BE(end + 1));
      const written = bytes.toString("utf8", from, end);
      return head === escapedHead32 ? JSON.parse(`"${written}"`) : written;
    };
    const [key, ts, version, hash, data, extra] = [text(), text(), text(), text(), text(), text()];
    return [key, ts === null ? null : givenInstant(ts), version, hash, data, extra];
  },
};
