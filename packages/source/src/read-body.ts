import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TextDecoder } from "node:util";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { PermanentError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import { type Conceal, concealNamed } from "./conceal.ts";
import { escapeExcerpt } from "./describe-value.ts";

/** What this program can decompress, as `Accept-Encoding` wants it. */
export const acceptedEncodings = "zstd, br, gzip, deflate";

const decompressors: { [encoding: string]: () => Transform } = {
  zstd: createZstdDecompress,
  br: createBrotliDecompress,
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
};

/**
 * Decompresses a body and hands it piece by piece to `consume`. It is measured while it arrives, after decompression, so
 * that neither an endless body nor a small one that swells fills the memory.
 *
 * @throws PermanentError `BODY_TOO_LARGE`, or `BODY_NOT_JSON` for an encoding that was not asked for
 */
export async function consumeBody<T>(
  body: Readable,
  { encoding = "identity", maxBytes }: { encoding: string | undefined; maxBytes: number },
  consume: (pieces: AsyncIterator<Buffer>) => Promise<T>,
): Promise<T> {
  const name = encoding.trim().toLowerCase();
  const decompress = Object.hasOwn(decompressors, name) ? decompressors[name] : undefined;
  // Whatever throws in here, the pipeline closes the connection.
  if (decompress !== undefined)
    return await pipeline(body, decompress(), (source: AsyncIterable<Buffer>) => consume(measured(source, maxBytes)));
  // As a pipeline would, which makes two more streams for it.
  try {
    if (name !== "identity" && name !== "") throw unknownEncoding(encoding);
    return await consume(measured(body, maxBytes));
  } finally {
    body.on("error", () => undefined).destroy();
  }
}

async function* measured(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let sizeBytes = 0;
  for await (const piece of source) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > maxBytes)
      throw new PermanentError("BODY_TOO_LARGE", `the response is larger than maxBytes, ${maxBytes} bytes`);
    yield piece;
  }
}

/** The beginning of a body: all of it, or as much as passes `upToBytes`. */
export async function readBeginning(
  pieces: AsyncIterator<Buffer>,
  upToBytes: number,
): Promise<{ buffer: Buffer; isAll: boolean }> {
  const read: Buffer[] = [];
  let sizeBytes = 0;
  let isAll = false;
  while (sizeBytes <= upToBytes && !isAll) {
    const piece = await pieces.next();
    isAll = piece.done === true;
    if (piece.done === true) break;
    sizeBytes += piece.value.byteLength;
    read.push(piece.value);
  }
  return { buffer: read.length === 1 && read[0] !== undefined ? read[0] : Buffer.concat(read, sizeBytes), isAll };
}

/** The whole body, as {@link consumeBody} reads it. */
export async function readBody(body: Readable, encoding: string | undefined, maxBytes: number): Promise<Buffer> {
  return await consumeBody(
    body,
    { encoding, maxBytes },
    async (pieces) => (await readBeginning(pieces, maxBytes)).buffer,
  );
}

function unknownEncoding(encoding: string): PermanentError {
  return new PermanentError(
    "BODY_NOT_JSON",
    `the response has the content encoding "${escapeExcerpt(encoding)}", which was not asked for`,
  );
}

/**
 * Parses a body as JSON. Text that is not valid in its charset (UTF-8 unless the content type names another) is refused
 * rather than repaired: a replacement character in a key would be another record.
 *
 * @throws PermanentError `BODY_NOT_JSON` with the content type and the first characters
 */
export function parseBody(body: Buffer, contentType: string | undefined, conceal: Conceal): JsonValue {
  try {
    return parseJson(decode(body, contentType));
  } catch (cause) {
    throw notJson(body, { contentType, sizeBytes: body.byteLength, conceal }, cause);
  }
}

export type BodyAbout = { contentType: string | undefined; sizeBytes: number; conceal: Conceal };

/** `beginning`: of the body. */
export function notJson(beginning: Buffer, about: BodyAbout, cause: unknown): PermanentError {
  const { contentType, sizeBytes, conceal } = about;
  const type = contentType === undefined ? "no content type" : `content type ${escapeExcerpt(contentType)}`;
  const message = `the response is not JSON: ${type}, ${sizeBytes} bytes, beginning "${excerptOf(beginning, conceal)}"`;
  // The parser quotes the text it stumbled over.
  const reason = new SyntaxError(conceal(cause instanceof Error ? cause.message : String(cause)));
  return new PermanentError("BODY_NOT_JSON", message, { expected: "JSON", received: type, cause: reason });
}

/** The beginning of a body, for a message. Concealed first and cut then, lest half of a secret remain. */
export function excerptOf(body: Buffer, conceal: Conceal): string {
  return escapeExcerpt(concealNamed(conceal(body.subarray(0, 4_096).toString("utf8"))).trim());
}

/** @throws TypeError for bytes that are not text in its charset */
function decode(body: Buffer, contentType: string | undefined): string {
  return textDecoder(contentType).decode(body);
}

/** @throws RangeError for a charset that does not exist */
export function textDecoder(contentType: string | undefined): TextDecoder {
  const charset = /charset="?([^\s;"]+)/i.exec(contentType ?? "")?.[1] ?? "utf-8";
  return new TextDecoder(charset, { fatal: true });
}

function parseJson(text: string): JsonValue {
  const value: JsonValue = JSON.parse(text);
  return value;
}
