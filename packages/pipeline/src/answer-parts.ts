import { PermanentError } from "@penstock/core/errors";
import { contentHash, hashInPieces } from "@penstock/core/hash";
import { fetchJobId, transformJobId } from "@penstock/core/job-id";
import { canonicalJson, type JsonValue } from "@penstock/core/json";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { NewJob } from "@penstock/queues/queues";
import type { NextPage } from "@penstock/source/paginator";
import type { Store } from "@penstock/store/store";
import type { LoopGuard } from "./loop-guard.ts";
import { itemsBytes, itemsText } from "./page-items.ts";
import { storeItems, unpackItems } from "./page-payload.ts";
import { fetchJob } from "./start-run.ts";

/*
 * An answer too large for one page becomes several: its parts are stored as they are read, under the numbers of the pages
 * behind the one that was asked for, and nothing is enqueued before all of it is there. Then their transforms are,
 * as far ahead of the committed prefix as pages may be, and behind them a fetch job that goes on with the rest
 * without asking the API again.
 *
 * Each part after the first links by a hash over all of them. When the API answers differently to a repetition, the parts of
 * the two answers do not link: the run stands still instead of mixing them, and is superseded.
 */

type FetchPayload = JobPayloads["fetch"];

type Part = { hash: string; count: number; sizeBytes: number };

/** What is stored of an answer beside its parts. */
export type PartedAnswer = {
  parts: Part[];
  next: NextPage;
  guard?: LoopGuard;
  observedAt: string;
  validator: string | null;
};

export type PartStore = {
  parts: Part[];
  /** Stores the next part. */
  add(items: JsonValue[]): Promise<void>;
  /** Of all items so far. Where the parts were cut does not count: the network decides that, anew for each answer. */
  contentHash(): string;
};

/** Stores the parts of an answer to a fetch job. */
export function createPartStore(store: Store, job: FetchPayload): PartStore {
  const parts: Part[] = [];
  const whole = hashInPieces();
  return {
    parts,
    contentHash: whole.digest,
    add: async (items) => {
      const bytes = itemsBytes(job, items);
      whole.add(`${itemsText(bytes).slice(1, -1)},`);
      const ref = { runId: job.runId, seq: job.seq + parts.length, hash: contentHash(bytes) };
      const sizeBytes = await storeItems(store, ref, bytes);
      parts.push({ hash: ref.hash, count: items.length, sizeBytes });
    },
  };
}

/** Stores what the parts are; the job goes on with them from the first. */
export async function storeAnswer(store: Store, job: FetchPayload, answer: PartedAnswer): Promise<FetchPayload> {
  const json = Buffer.from(JSON.stringify(answer));
  const hash = contentHash(json);
  await storeItems(store, { runId: job.runId, seq: job.seq, hash }, json);
  return { ...job, answer: { hash, seq: job.seq, part: 0 } };
}

/** @throws PermanentError `PAYLOAD_UNREADABLE` when it is not in the database any more */
export async function loadAnswer(store: Store, job: FetchPayload): Promise<PartedAnswer> {
  const { runId, seq, answer } = job;
  const stored = answer && (await store.loadPayload({ runId, seq: answer.seq, hash: answer.hash }));
  if (stored === undefined) {
    throw new PermanentError(
      "PAYLOAD_UNREADABLE",
      `the answer behind page ${seq} of run ${runId} is not in the database`,
      {
        source: job.source,
        stream: job.stream,
        seq,
      },
    );
  }
  const parted: PartedAnswer = JSON.parse(unpackItems({ runId, seq }, stored).toString("utf8"));
  return parted;
}

/** Parts that are still to be enqueued. */
export function partsLeft({ answer }: FetchPayload, { parts }: PartedAnswer): number {
  return parts.length - (answer?.part ?? 0);
}

/** The transforms of up to `room` parts, and the job that goes on behind them, if the run does. */
export function partJobs(job: FetchPayload, parted: PartedAnswer, room: number): NewJob[] {
  const from = job.answer?.part ?? 0;
  const upTo = Math.min(parted.parts.length, from + room);
  const transforms = parted.parts.slice(from, upTo).map((part, i) => partJob(job, parted, { ...part, at: from + i }));
  const seq = job.seq + upTo - from;
  if (upTo < parted.parts.length) return [...transforms, nextParts(job, seq, upTo)];
  return parted.next.kind === "next"
    ? [...transforms, fetchJob(job, seq, parted.next.position, parted.guard)]
    : transforms;
}

function partJob(
  job: FetchPayload,
  parted: PartedAnswer,
  { at, hash, count, sizeBytes }: Part & { at: number },
): NewJob {
  const { position: _position, guard: _guard, answer, runTraceparent: _run, ...run } = job;
  const seq = (answer?.seq ?? job.seq) + at;
  const isLastPart = at === parted.parts.length - 1;
  const { next } = parted;
  const cursorIn = linkTo(job, at);
  return {
    type: "transform",
    jobId: transformJobId(job.runId, seq, cursorIn, hash),
    payload: {
      ...run,
      seq,
      cursorIn,
      cursorOut: isLastPart ? (next.kind === "next" ? canonicalJson(next.position) : null) : linkTo(job, at + 1),
      isLast: isLastPart && next.kind !== "next",
      incompleteCode: isLastPart && next.kind === "incomplete" ? next.code : null,
      contentHash: hash,
      observedAt: parted.observedAt,
      count,
      items: { kind: "stored", sizeBytes },
      ...(at === 0 && parted.validator !== null && { validator: parted.validator }),
    },
  };
}

/** The first part stands where the request asked. */
function linkTo({ position, answer }: FetchPayload, part: number): string {
  return canonicalJson(part === 0 ? position : { answer: answer?.hash ?? null, part });
}

function nextParts(job: FetchPayload, seq: number, part: number): NewJob {
  const answer = job.answer && { ...job.answer, part };
  return {
    type: "fetch",
    jobId: fetchJobId(job.runId, seq, linkTo(job, part)),
    payload: { ...job, seq, answer },
  };
}
