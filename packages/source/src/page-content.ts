import { setImmediate as nextTurn } from "node:timers/promises";
import { PermanentError } from "@penstock/core/errors";
import { isJsonObject, type JsonValue } from "@penstock/core/json";
import type { Conceal } from "./conceal.ts";
import { describeValue } from "./describe-value.ts";
import type { HttpAnswer } from "./http-client.ts";
import type { Stream } from "./model.ts";
import { createPageParts, type OnPart } from "./page-parts.ts";
import { consumeBody, notJson, parseBody, readBeginning, textDecoder } from "./read-body.ts";
import { createRecordStream } from "./record-stream.ts";
import type { SeenRecords } from "./seen-records.ts";

export type PageContent = {
  /** Whole; without its records where those were handed over in parts. */
  body: JsonValue;
  /** Of the records that were handed over; `undefined` where they are still in the body. */
  seen: SeenRecords | undefined;
  /** Beginning of the text. */
  beginning: Buffer;
  /** Decompressed. */
  sizeBytes: number;
};

/** Larger bodies are parsed while they arrive: to parse this much at once takes some 50 ms, in which nothing else runs. */
const wholeBodyBytes = 8 * 1024 * 1024;
const pieceBytes = 64 * 1024;
const longestTurnMs = 15;

export type ReadOptions = { stream: Stream; conceal: Conceal; onPart: OnPart };

/**
 * Reads and parses a response. Up to {@link wholeBodyBytes} it is parsed at once; a larger one while it arrives, and its
 * records are handed over in parts.
 *
 * @throws PermanentError `BODY_NOT_JSON`; `BODY_TOO_LARGE` above the stream's `maxBytes`, or when it is large and only a
 * function knows where its records are
 */
export async function readContent(answer: HttpAnswer, options: ReadOptions): Promise<PageContent> {
  const { "content-encoding": encoding, "content-type": contentType } = answer.headers;
  const { stream, conceal } = options;
  return await consumeBody(answer.body, { encoding, maxBytes: stream.maxBytes }, async (pieces) => {
    const { buffer, isAll } = await readBeginning(pieces, wholeBodyBytes);
    if (!isAll) return await readParts({ beginning: buffer, rest: pieces, contentType }, options);
    const body = parseBody(buffer, contentType, conceal);
    return { body, seen: undefined, beginning: buffer, sizeBytes: buffer.byteLength };
  });
}

type LargeBody = { beginning: Buffer; rest: AsyncIterator<Buffer>; contentType: string | undefined };

async function readParts(large: LargeBody, { stream, conceal, onPart }: ReadOptions): Promise<PageContent> {
  const { beginning, contentType } = large;
  if (stream.recordsPath === undefined) throw needsPath();
  const parts = createPageParts(stream, onPart);
  const records = createRecordStream(stream.recordsPath, parts.add);
  let sizeBytes = 0;
  const parse = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw cause instanceof PermanentError ? cause : notJson(beginning, { contentType, sizeBytes, conceal }, cause);
    }
  };
  const decoder = parse(() => textDecoder(contentType));
  for await (const piece of inTurns(large)) {
    sizeBytes += piece.byteLength;
    parse(() => records.write(decoder.decode(piece, { stream: true })));
    await parts.handOver(sizeBytes);
  }
  const body = parse(() => {
    records.write(decoder.decode());
    return records.end();
  });
  return { body, seen: await parts.end(), beginning, sizeBytes };
}

/** The body in small pieces, with a turn of the event loop for others whenever they have kept it for some time. */
async function* inTurns(large: LargeBody): AsyncGenerator<Buffer> {
  let startedAt = performance.now();
  for await (const piece of pieces(large)) {
    for (let at = 0; at < piece.byteLength; at += pieceBytes) {
      yield piece.subarray(at, at + pieceBytes);
      if (performance.now() - startedAt < longestTurnMs) continue;
      await nextTurn();
      startedAt = performance.now();
    }
  }
}

async function* pieces({ beginning, rest }: LargeBody): AsyncGenerator<Buffer> {
  yield beginning;
  for (let piece = await rest.next(); piece.done !== true; piece = await rest.next()) yield piece.value;
}

/** @throws PermanentError `SELECTOR_MISSED` */
export function selectItems(stream: Stream, body: JsonValue): JsonValue[] {
  const selected = select(stream, body);
  if (Array.isArray(selected)) return selected;
  const found = isJsonObject(body) ? `an ${describeValue(body)}` : describeValue(body);
  throw new PermanentError(
    "SELECTOR_MISSED",
    `the selector found ${describeValue(selected)} instead of an array; the response is ${found}`,
    {
      expected: "array",
      received: describeValue(selected),
    },
  );
}

/** Whether there are records in a response: a selector that finds none, or does not know it, tells nothing of its reasons here. */
export function hasRecords(stream: Stream, { body, seen }: PageContent): boolean {
  if (seen !== undefined) return seen.keys.length > 0;
  try {
    return selectItems(stream, body).length > 0;
  } catch (error) {
    if (error instanceof PermanentError) return false;
    throw error;
  }
}

function select(stream: Stream, body: JsonValue): JsonValue | undefined {
  try {
    return stream.records(body);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PermanentError(
      "SELECTOR_MISSED",
      `the selector threw on a response that is ${describeValue(body)}: ${reason}`,
      { cause },
    );
  }
}

function needsPath(): PermanentError {
  return new PermanentError(
    "BODY_TOO_LARGE",
    `the response is larger than ${wholeBodyBytes} bytes, and its records are selected by a function, which needs all of it at once`,
    { remedy: "Give `records` as a path, such as `data.items`: then large responses are read in parts." },
  );
}
