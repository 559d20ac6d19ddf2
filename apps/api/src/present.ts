import type { RouteResponse } from "@penstock/api-contract/routes";
import { errorCodes } from "@penstock/core/error-codes";
import type { Run } from "@penstock/core/run";
import { fetchQueue } from "@penstock/queues/catalog";
import type { StoredLetter } from "@penstock/store/store";

/*
 * What the database has, as the contract has it: instants as text, and names that say which thing an id is of.
 */

export type RunItem = RouteResponse<"listRuns">["items"][number];
export type LetterItem = RouteResponse<"listLetters">["items"][number];

export const iso = (at: Date): string => at.toISOString();
export const isoOrNull = (at: Date | null | undefined): string | null => at?.toISOString() ?? null;

/** Where Bull Board is served. */
export const boardPath = "/queues";
export const queueUrl = (queue: string): string => `${boardPath}/queue/${encodeURIComponent(queue)}`;
export const jobUrl = (queue: string, jobId: string): string => `${queueUrl(queue)}/${encodeURIComponent(jobId)}`;
export const sourceQueueUrl = (source: string): string => queueUrl(fetchQueue(source));

export function presentRun(run: Run, now = Date.now()): RunItem {
  const { runId: id, source, stream, partition, mode, status, pages, account, boundAtStart, committedSeq } = run;
  return {
    id,
    source,
    stream,
    partition,
    mode,
    status,
    startedAt: iso(run.startedAt),
    endedAt: isoOrNull(run.endedAt),
    // The database's clock and this one may differ by a little.
    durationMs: Math.max(0, (run.endedAt?.getTime() ?? now) - run.startedAt.getTime()),
    pages,
    account,
    boundAtStart,
    committedSeq,
    errorCode: run.errorCode,
    errorMessage: run.errorMessage,
  };
}

export function presentLetter(letter: StoredLetter): LetterItem {
  const { payload: _payload, observedAt, firstSeenAt, lastSeenAt, ...rest } = letter;
  return { ...rest, observedAt: iso(observedAt), firstSeenAt: iso(firstSeenAt), lastSeenAt: iso(lastSeenAt) };
}

export function remedyOf(code: string): string {
  return code in errorCodes ? errorCodes[code as keyof typeof errorCodes].remedy : "";
}

/** JSON as it is; what is none as text. */
export function parsedOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A page that was no JSON is kept as it came.
    return text;
  }
}
