import { PassThrough, type Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { PermanentError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
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
 * The decompressed body. It is measured while it arrives, after decompression, so that neither an endless body nor a
 * small one that swells fills the memory.
 *
 * @throws PermanentError `BODY_TOO_LARGE`, or `BODY_NOT_JSON` for an encoding that was not asked for
 */
export async function readBody(body: Readable, encoding: string | undefined, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const decompress = decompressor(encoding);
  // Whatever throws in here, the pipeline closes the connection.
  await pipeline(body, decompress ?? new PassThrough(), async (source: AsyncIterable<Buffer>) => {
    if (decompress === undefined) throw unknownEncoding(encoding ?? "");
    for await (const chunk of source) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes)
        throw new PermanentError("BODY_TOO_LARGE", `the response is larger than maxBytes, ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  });
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, sizeBytes);
}

function unknownEncoding(encoding: string): PermanentError {
  return new PermanentError(
    "BODY_NOT_JSON",
    `the response has the content encoding "${escapeExcerpt(encoding)}", which was not asked for`,
  );
}

function decompressor(encoding = "identity"): Transform | undefined {
  const name = encoding.trim().toLowerCase();
  if (name === "identity" || name === "") return new PassThrough();
  return Object.hasOwn(decompressors, name) ? decompressors[name]?.() : undefined;
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
    const type = contentType === undefined ? "no content type" : `content type ${escapeExcerpt(contentType)}`;
    const message = `the response is not JSON: ${type}, ${body.byteLength} bytes, beginning "${excerptOf(body, conceal)}"`;
    // The parser quotes the text it stumbled over.
    const reason = new SyntaxError(conceal(cause instanceof Error ? cause.message : String(cause)));
    throw new PermanentError("BODY_NOT_JSON", message, { expected: "JSON", received: type, cause: reason });
  }
}

/** Takes credentials out of a text. */
type Conceal = (text: string) => string;

/** The beginning of a body, for a message. Concealed first and cut then, lest half of a secret remain. */
export function excerptOf(body: Buffer, conceal: Conceal): string {
  return escapeExcerpt(conceal(body.subarray(0, 4_096).toString("utf8")).trim());
}

/** @throws RangeError for a charset that does not exist, TypeError for bytes that are not text in it */
function decode(body: Buffer, contentType: string | undefined): string {
  const charset = /charset="?([^\s;"]+)/i.exec(contentType ?? "")?.[1] ?? "utf-8";
  return new TextDecoder(charset, { fatal: true }).decode(body);
}

function parseJson(text: string): JsonValue {
  const value: JsonValue = JSON.parse(text);
  return value;
}
