import { codeOf, messageOf } from "@penstock/core/decision";
import { PenstockError } from "@penstock/core/errors";
import { type JsonValue, jsonText } from "@penstock/core/json";
import type { NewLetter } from "@penstock/core/letter";
import { parentKeyOf } from "@penstock/core/partition";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { Stream } from "@penstock/source/model";
import { bestEffortKey } from "@penstock/source/transform";
import { traceIdOf } from "@penstock/telemetry/trace-context";
import type { RefusedItem } from "./page-records.ts";

export type LetterOrigin = {
  source: string;
  stream: string;
  partition: string;
  runId: string;
  seq: number;
  observedAt: Date;
  traceId: string | null;
};

/** The letter of one record that cannot be processed. */
export function recordLetter(
  stream: Stream,
  origin: LetterOrigin,
  items: JsonValue[],
  { input, error }: RefusedItem,
): NewLetter {
  const item = items[input] ?? null;
  return {
    ...origin,
    stage: "transform",
    kind: "record",
    key: bestEffortKey(stream, item, parentKeyOf(origin.partition)),
    ...reasonOf(error),
    payload: jsonText(item),
  };
}

/** The letter of a page that cannot be processed as a whole: it keeps all of the page's items. */
export function pageLetter(origin: LetterOrigin, itemsJson: string, error: unknown): NewLetter {
  return { ...origin, stage: "transform", kind: "page", key: null, ...reasonOf(error), payload: itemsJson };
}

/** The letter of a request that was given up. Its key is the cursor, so that a later good page at it resolves the letter. */
export function requestLetter(job: JobPayloads["fetch"], cursor: string, observedAt: Date, error: unknown): NewLetter {
  const { runId, source, stream, partition, seq, traceparent } = job;
  const origin = { source, stream, partition, runId, seq, observedAt, traceId: traceIdOf(traceparent) };
  return {
    ...origin,
    stage: "fetch",
    kind: "request",
    key: cursor,
    ...reasonOf(error),
    payload: JSON.stringify({ position: job.position }),
  };
}

/** Of a job whose last attempt failed, the code of what failed: that is what somebody must do something about. */
export function reasonOf(error: unknown): Pick<NewLetter, "code" | "message" | "path"> {
  const isExhausted =
    codeOf(error) === "ATTEMPTS_EXHAUSTED" && error instanceof PenstockError && error.cause instanceof PenstockError;
  const reason = isExhausted ? error.cause : error;
  const path = reason instanceof PenstockError ? (reason.details.path ?? null) : null;
  return { code: codeOf(reason), message: messageOf(error), path };
}
