import { setTimeout as delay } from "node:timers/promises";
import { CancelledError, ThrottledError } from "@penstock/core/errors";
import { transformJobId } from "@penstock/core/job-id";
import { canonicalJson } from "@penstock/core/json";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { JobContext, JobOutcome, NewJob } from "@penstock/queues/queues";
import type { Stream } from "@penstock/source/model";
import type { Validator } from "@penstock/source/page-request";
import type { RunState } from "@penstock/store/store";
import { currentTraceparent } from "@penstock/telemetry/scope";
import {
  createPartStore,
  loadAnswer,
  type PartedAnswer,
  type PartStore,
  partJobs,
  partsLeft,
  storeAnswer,
} from "./answer-parts.ts";
import { definitionOf, type FetchContext, runAheadPages } from "./context.ts";
import { endOverdue, isOverdue } from "./deadline.ts";
import { type Guarded, guardNext } from "./loop-guard.ts";
import { packItems } from "./page-payload.ts";
import { admit, isAdmitted, noteAnswer } from "./politeness.ts";
import { type ReadRun, readOnce } from "./recent-runs.ts";
import { type AnsweredPage, type Content, requestPage } from "./request-page.ts";
import { fetchJob, pageTrace } from "./start-run.ts";

type FetchPayload = JobPayloads["fetch"];
type FetchJob = Extract<NewJob, { type: "fetch" }>;

const pausedMs = 5_000;
const heldBackMs = 250;
/** Less than what the pages that it is ahead take to be committed, at their quickest. */
const runAheadMs = 100;
const quickMs = 100;
const shortWaitMs = 100;
/** Parts of a large answer that are worth a job: fewer are waited for, unless there are no more. */
const partsAtOnce = 32;

/** What a page's request brought, and the run as it was read before the request and last. */
export type AskedPage = {
  before: RunState;
  last: ReadRun | undefined;
  page: AnsweredPage;
  parts: PartStore["parts"];
  /** As many pages as may be enqueued from here on. */
  room: number;
};

/**
 * Fetches one page and enqueues, together, its transform and the fetch of the page behind it.
 *
 * The run is read before the request, and again after one that took its time: a run that ended meanwhile gets no further page. Nothing is
 * written but the page's payload when it is too big for a job, so that any step may be repeated.
 */
export async function fetchPage(
  context: FetchContext,
  job: FetchPayload,
  { jobId, signal, stalls }: JobContext,
): Promise<JobOutcome> {
  const ahead = context.ahead?.get(job.source);
  const ask = () => askForPage(context, job, { jobId, signal });
  const asked = (await ahead?.take(jobId, signal)) ?? (await (ahead === undefined ? ask() : ahead.inTurn(signal, ask)));
  if ("outcome" in asked) return asked.outcome;
  // What kills the process is to be found out: a job that lost one is answerable for its own page only.
  await handOn(context, job, { ...asked, goesAhead: stalls === 0 });
}

/** The page, or what becomes of the job where there is nothing to be asked. */
async function askForPage(
  context: FetchContext,
  job: FetchPayload,
  { jobId, signal }: Pick<JobContext, "jobId" | "signal">,
): Promise<AskedPage | { outcome: JobOutcome }> {
  const { source, stream } = definitionOf(context, job);
  const beganAt = performance.now();
  const [read, holdsLimits] = await Promise.all([
    readBefore(context, job),
    context.queues.holdsLimits(source.name, source),
  ]);
  const before = read?.state;
  if (!isLive(before, job)) return { outcome: undefined };
  if (isOverdue(before.run, stream, before.now)) return { outcome: await endOverdue(context, before) };
  // With its successor committed, this is the tail of a chain that came to run twice; two of them would run to the end.
  if (job.seq < before.run.committedSeq) return { outcome: undefined };
  if (before.isPaused) return { outcome: { deferMs: pausedMs } };
  if (!isNear(before, job)) return { outcome: { deferMs: runAheadMs } };
  if (await context.isHeldBack()) return { outcome: { deferMs: heldBackMs } };

  const room = before.run.committedSeq + runAheadPages + 1 - job.seq;
  if (job.answer !== undefined) return { outcome: await goOn(context, job, room) };

  const wait = await admit(context, source, before, jobId);
  if (wait !== undefined) return { outcome: wait };
  // What a queue let through that had lost its limits goes back into line.
  if (!holdsLimits) return { outcome: { deferMs: heldBackMs } };
  const paced = await pace(context, job, signal);
  if (paced !== undefined) return paced;
  await context.reach("fetch.begun");
  const stored = createPartStore(context.store, job);
  const validator = await validatorFor(context, stream, before.run, job);
  const options = { signal, parent: job.parent, validator, onPart: stored.add };
  const page = await requestPage(context, { source, stream, job, jobId, options }, stored);
  await context.reach("fetch.answered");
  if (job.seq === 0) await noteApiStart(context, job, page, performance.now() - beganAt);
  const last = await readNow(context, job, read);
  await noteAnswer(context, source, last?.state.source ?? before.source, page);
  return { before, last, page, parts: stored.parts, room };
}

/** Waits until the source's rate has room for a request; in the queue, where that takes longer. */
async function pace(
  context: FetchContext,
  { source }: FetchPayload,
  signal: AbortSignal,
): Promise<{ outcome: JobOutcome } | undefined> {
  const ahead = context.ahead?.get(source);
  if (ahead === undefined) return undefined;
  for (;;) {
    const waitMs = ahead.pace();
    if (waitMs === 0) return undefined;
    if (waitMs > shortWaitMs) return { outcome: { deferMs: waitMs } };
    await delay(waitMs);
    if (signal.aborted) throw new CancelledError("CANCELLED", `the request to ${source} was cancelled`);
  }
}

/** As it was a moment ago, unless it has to wait by that: whether it still does is read anew. */
async function readBefore(context: FetchContext, job: FetchPayload): Promise<ReadRun | undefined> {
  const recent = context.recent?.recall(job.runId);
  const mayGo = recent !== undefined && !recent.state.isPaused && isNear(recent.state, job) && isAdmitted(recent.state);
  return mayGo ? recent : await readRun(context, job);
}

const readRun = ({ store, recent }: FetchContext, { runId }: FetchPayload): Promise<ReadRun | undefined> =>
  recent === undefined ? readOnce(store.readRun, runId) : recent.read(runId);

/** What was read longer ago is read again: nothing depends on it, but pages of a run that has ended are work in vain. */
async function readNow(
  context: FetchContext,
  job: FetchPayload,
  known: ReadRun | undefined,
): Promise<ReadRun | undefined> {
  return known !== undefined && known.ageMs() < quickMs ? known : await readRun(context, job);
}

/** Not as far ahead of what is committed that the page has to wait. */
const isNear = ({ run }: RunState, { seq }: FetchPayload): boolean => seq <= run.committedSeq + runAheadPages;

async function handOn(
  context: FetchContext,
  job: FetchPayload,
  { before, last, page, parts, room, goesAhead }: AskedPage & { goesAhead: boolean },
): Promise<void> {
  const { stream } = definitionOf(context, job);
  const now = await readNow(context, job, last);
  if (!isLive(now?.state, job)) return;
  const { content } = page;
  const lastSeq = job.seq + Math.max(parts.length, 1) - 1;
  const guarded = guardNext({ ...job, seq: lastSeq, guard: job.guard, stream, ...content }, page.next);
  const answer = {
    content,
    ...guarded,
    observedAt: before.now,
    validator: validatorText(stream, job, page),
    goesAhead,
  };
  const jobs =
    parts.length > 1 ? await firstParts(context, job, parts, answer, room) : await followUps(context, job, answer);
  await context.reach("fetch.packed");
  await context.traces.inSpan({ name: "enqueue", kind: "producer" }, () => context.queues.enqueue(jobs));
  await context.reach("fetch.enqueued");
}

/**
 * The API's clock when the page was observed, not when it answered: what changed in between, another worker's answer may lack
 * that counts as the later one.
 */
async function noteApiStart(
  { store }: FetchContext,
  { runId }: FetchPayload,
  { apiDate }: AnsweredPage,
  elapsedMs: number,
): Promise<void> {
  if (apiDate !== null) await store.noteApiStart(runId, new Date(apiDate.getTime() - Math.ceil(elapsedMs)));
}

/** Enqueues more of an answer that is stored in parts. */
async function goOn(context: FetchContext, job: FetchPayload, room: number): Promise<JobOutcome> {
  const parted = await loadAnswer(context.store, job);
  if (room < Math.min(partsAtOnce, partsLeft(job, parted))) return { deferMs: heldBackMs };
  await context.queues.enqueue(partJobs(job, parted, room));
  await context.reach("fetch.enqueued");
}

async function firstParts(
  context: FetchContext,
  job: FetchPayload,
  parts: PartedAnswer["parts"],
  { next, guard, observedAt, validator }: Answer,
  room: number,
): Promise<NewJob[]> {
  const parted = { parts, next, ...(guard && { guard }), observedAt: observedAt.toISOString(), validator };
  return partJobs(await storeAnswer(context.store, job, parted), parted, room);
}

/** Of the run before, for the first page of a run that reads only what is new. */
async function validatorFor(
  context: FetchContext,
  stream: Stream,
  { mode, source, partition }: RunState["run"],
  { seq }: FetchPayload,
): Promise<Validator | undefined> {
  if (!stream.isConditional || seq > 0 || mode !== "incremental") return undefined;
  const text = await context.store.lastValidator({ source, stream: stream.name, partition });
  return text === null ? undefined : JSON.parse(text);
}

function validatorText({ isConditional }: Stream, { seq }: FetchPayload, { validator }: AnsweredPage): string | null {
  return isConditional && seq === 0 && validator !== undefined ? JSON.stringify(validator) : null;
}

/** False when the run has ended or another one has the partition. */
function isLive(state: RunState | undefined, job: FetchPayload): state is RunState {
  return state?.run.status === "running" && state.run.fence === job.fence;
}

type Answer = Guarded & { content: Content; observedAt: Date; validator: string | null; goesAhead: boolean };

async function followUps(context: FetchContext, job: FetchPayload, answer: Answer): Promise<NewJob[]> {
  const next = nextPageJob(context, job, answer);
  if (next === undefined) return [await transformJob(context, job, answer)];
  if (answer.goesAhead) askAhead(context, next);
  else context.ahead?.get(job.source)?.drop(next.jobId);
  return [await transformJob(context, job, answer), next];
}

function nextPageJob({ traces }: FetchContext, job: FetchPayload, { next, guard }: Answer): FetchJob | undefined {
  if (next.kind !== "next") return undefined;
  const seq = job.seq + 1;
  return fetchJob({ ...job, traceparent: pageTrace(traces, job, seq) }, seq, next.position, guard);
}

/** The next page's request is under way while this page is packed and its job passes through the queue. */
function askAhead(context: FetchContext, { jobId, payload }: FetchJob): void {
  const { source, traceparent: parent } = payload;
  context.ahead?.get(source)?.begin(jobId, (signal) =>
    context.traces.inSpan({ name: "ahead", parent, logFields: { jobId, attempt: 1 } }, async () => {
      const asked = await askForPage(context, payload, { jobId, signal }).catch(unlessThrottled);
      return asked === undefined || "outcome" in asked ? undefined : asked;
    }),
  );
}

/** How long the API wants to be left alone is in the database, where the job finds what is left of it. */
function unlessThrottled(error: unknown): undefined {
  if (!(error instanceof ThrottledError)) throw error;
}

async function transformJob(
  context: FetchContext,
  job: FetchPayload,
  { content, next, observedAt, validator }: Answer,
): Promise<NewJob> {
  const { position, guard: _guard, answer: _answer, runTraceparent: _run, ...run } = job;
  const { contentHash: hash, zstd, count } = content;
  const cursorIn = canonicalJson(position);
  const items = await packItems(context.store, { runId: job.runId, seq: job.seq, hash }, zstd);
  if (items.kind === "stored") await context.reach("fetch.payload-saved");
  return {
    type: "transform",
    jobId: transformJobId(job.runId, job.seq, cursorIn, hash),
    payload: {
      ...run,
      cursorIn,
      cursorOut: next.kind === "next" ? canonicalJson(next.position) : null,
      isLast: next.kind !== "next",
      incompleteCode: next.kind === "incomplete" ? next.code : null,
      contentHash: hash,
      observedAt: observedAt.toISOString(),
      count,
      items,
      traceparent: currentTraceparent() ?? job.traceparent,
      ...(validator !== null && { validator }),
    },
  };
}
