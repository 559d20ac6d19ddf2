import { PermanentError } from "@penstock/core/errors";
import { type JsonValue, jsonText } from "@penstock/core/json";
import { pieceChars } from "@penstock/core/pieces";

/*
 * A page's items as a JSON array in UTF-8, with a line break behind each piece of it: there JSON lets one stand, and nowhere else has it one,
 * since texts write theirs as \n. So a page never is one long text, neither where it is written nor where it is read.
 */

const lineBreak = 0x0a;
const [begin, between, end] = ["[", ",\n", "]"].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];

/**
 * Writing runs out of stack at some thousand levels, parsing does not.
 *
 * @throws PermanentError `BODY_TOO_DEEP`
 */
export function itemsBytes(
  { source, stream, seq }: { source: string; stream: string; seq: number },
  items: readonly JsonValue[],
): Buffer {
  try {
    const pieces = piecesOf(items).flatMap((piece, i) => (i === 0 ? [piece] : [between, piece]));
    return Buffer.concat([begin, ...pieces, end]);
  } catch (cause) {
    const message = `page ${seq} of ${source}.${stream} is nested too deeply to be passed on`;
    throw new PermanentError("BODY_TOO_DEEP", message, { source, stream, seq, cause });
  }
}

/** So many at first; from then on as many as fill a piece, if they are as long as those before. */
const firstItems = 16;

/** Without the brackets. */
function piecesOf(items: readonly JsonValue[]): Buffer[] {
  const pieces: Buffer[] = [];
  let chars = 0;
  for (let from = 0, count = firstItems; from < items.length; from += count) {
    if (from > 0) count = Math.max(1, Math.floor((pieceChars * from) / chars));
    const text = jsonText(items.slice(from, from + count));
    chars += text.length;
    pieces.push(Buffer.from(text).subarray(1, -1));
  }
  return pieces;
}

/** The items behind {@link itemsBytes}, or any JSON array without line breaks. */
export function itemsOf(bytes: Buffer): JsonValue[] {
  const pieces: JsonValue[][] = [];
  for (let from = 1; from < bytes.length; ) {
    const at = bytes.indexOf(lineBreak, from);
    const to = at === -1 ? bytes.length : at;
    // Behind the last of a piece there is a comma, or the end of the array.
    pieces.push(JSON.parse(`[${bytes.toString("utf8", from, to - 1)}]`));
    from = to + 1;
  }
  return pieces.flat();
}

/** The same as one text. */
export function itemsText(bytes: Buffer): string {
  return bytes.toString("utf8").replaceAll("\n", "");
}
