import type { ErrorCode } from "./error-codes.ts";
import { contentHash } from "./hash.ts";

/** Where a dead letter comes from, hence where a redrive puts it back. */
export const letterStages = ["fetch", "transform"] as const;
export type LetterStage = (typeof letterStages)[number];
/** What it holds: a request that failed, a whole page, or one record. */
export type LetterKind = "request" | "page" | "record";
export const letterStatuses = ["open", "redriving", "resolved", "discarded"] as const;
export type LetterStatus = (typeof letterStatuses)[number];

/** A dead letter as the pipeline makes it; the store adds id, times and attempts. */
export type NewLetter = {
  source: string;
  stream: string;
  partition: string;
  stage: LetterStage;
  kind: LetterKind;
  /** Key of the record, where it has one. */
  key: string | null;
  code: ErrorCode;
  message: string;
  /** Path of the offending field. */
  path: string | null;
  /** JSON text: the raw record, the raw items of the page, or the request. */
  payload: string;
  runId: string;
  seq: number;
  observedAt: Date;
  traceId: string | null;
};

/**
 * What makes two letters the same one met again: where it is from, and the record's key or, without a key, its payload.
 */
export function letterIdentity(
  letter: Pick<NewLetter, "source" | "stream" | "partition" | "stage" | "kind" | "key" | "payload">,
): string {
  const what = letter.key === null ? `payload ${contentHash(letter.payload)}` : `key ${letter.key}`;
  return contentHash([letter.source, letter.stream, letter.partition, letter.stage, letter.kind, what].join("\n"));
}
