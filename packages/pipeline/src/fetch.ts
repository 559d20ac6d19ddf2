import { CancelledError, PenstockError, ThrottledError } from "@penstock/core/errors";
import { contentHash } from "@penstock/core/hash";
import { transformJobId } from "@penstock/core/job-id";
import { canonicalJson, type JsonValue } from "@penstock/core/json";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { JobContext, JobOutcome, NewJob } from "@penstock/queues/queues";
import type { FetchedPage, FetchOptions } from "@penstock/source/fetch-page";
import type { Source, Stream } from "@penstock/source/model";
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
import { itemsBytes } from "./page-items.ts";
import { compress, packItems } from "./page-payload.ts";
import { admit, noteAnswer, noteFailure } from "./politeness.ts";
import { fetchJob, pageTrace } from "./start-run.ts";

type FetchPayload = JobPayloads["fetch"];

const pausedMs = 5_000;
const heldBackMs = 250;
/** Behind a request that took longer the run is read again: nothing depends on it, but pages of a run that has ended are work in vain. */
const quickRequestMs = 100;
/** Parts of a large answer that are worth a job: fewer are waited for, unless there are no more. */
const partsAtOnce = 32;

/**
 * Fetches one page and enqueues, together, its transform and the fetch of the page behind it.
 *
 * The run is read before the request, and again after one that took its time: a run that ended meanwhile gets no further page. Nothing is
 * written but the page's payload when it is too big for a job, so that any step may be repeated.
 */
export async function fetchPage(
  context: FetchContext,
  job: FetchPayload,
  { jobId, signal }: JobContext,
): Promise<JobOutcome> {
  const { source, stream } = definitionOf(context, job);
  const begunAt = performance.now();
  const [before, holdsLimits] = await Promise.all([
    context.store.readRun(job.runId),
    context.queues.holdsLimits(source.name, source),
  ]);
  if (!isLive(before, job)) return;
  if (isOverdue(before.run, stream, before.now)) return endOverdue(context, before);
  // With its successor committed, this is the tail of a chain that came to run twice; two of them would run to the end.
  if (job.seq < before.run.committedSeq) return;
  if (before.isPaused) return { deferMs: pausedMs };
  if (job.seq > before.run.committedSeq + runAheadPages || (await context.isHeldBack())) return { deferMs: heldBackMs };

  // As many pages as may be enqueued from here on.
  const room = before.run.committedSeq + runAheadPages + 1 - job.seq;
  if (job.answer !== undefined) return await goOn(context, job, room);

  const wait = await admit(context, source, before, jobId);
  if (wait !== undefined) return wait;
  // What a queue let through that had lost its limits goes back into line.
  if (!holdsLimits) return { deferMs: heldBackMs };
  await context.reach("fetch.begun");
  const stored = createPartStore(context.store, job);
  const validator = await validatorFor(context, stream, before.run, job);
  const asked = { source, stream, job, jobId, options: { signal, parent: job.parent, validator, onPart: stored.add } };
  const page = await requestPage(context, asked, stored);
  await context.reach("fetch.answered");
  if (job.seq === 0) await noteApiStart(context, job, page, performance.now() - begunAt);
  const { parts } = stored;
  const { content } = page;
  const lastSeq = job.seq + Math.max(parts.length, 1) - 1;
  const guarded = guardNext({ ...job, seq: lastSeq, guard: job.guard, stream, ...content }, page.next);
  const after = page.durationMs < quickRequestMs ? before : await context.store.readRun(job.runId);
  await noteAnswer(context, source, after?.source ?? before.source, page);
  if (!isLive(after, job)) return;
  const answer = { content, ...guarded, observedAt: before.now, validator: validatorText(stream, job, page) };
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

type Request = { source: Source; stream: Stream; job: FetchPayload; jobId: string; options: FetchOptions };

/** A page without the records themselves: parsed, they are four times as large, and who waits for the queue keeps what it knows. */
type AnsweredPage = Omit<FetchedPage, "items" | "cursors"> & { content: Content };

async function requestPage(context: FetchContext, asked: Request, stored: PartStore): Promise<AnsweredPage> {
  const { stream, job, options } = asked;
  const fetcher = context.fetchers.get(job.source);
  if (fetcher === undefined)
    throw new CancelledError("SOURCE_UNKNOWN", `this process does not fetch from ${job.source}`);
  const {
    items,
    cursors: _,
    ...page
  } = await counted(context, asked, () => fetcher.fetch(stream, job.position, options));
  if (page.rateLimit !== undefined) context.metrics.rateLimitSeen({ source: job.source, ...page.rateLimit });
  context.metrics.pageFetched({
    source: job.source,
    stream: job.stream,
    sizeBytes: page.sizeBytes,
    durationMs: page.durationMs,
    status: page.status,
  });
  const { runId, seq } = job;
  const fields = {
    source: job.source,
    stream: job.stream,
    runId,
    seq,
    records: items.length,
    durationMs: page.durationMs,
  };
  context.logger.debug(fields, "page fetched");
  return { ...page, content: stored.parts.length > 1 ? contentOfParts(stored) : await contentOf(job, items) };
}

/** The request, counted and noted when it brings no page. */
async function counted(
  context: FetchContext,
  { source: definition, job: { source, stream }, jobId }: Request,
  request: () => Promise<FetchedPage>,
): Promise<FetchedPage> {
  const startedAt = performance.now();
  try {
    return await traced(context, definition, request);
  } catch (error) {
    if (error instanceof ThrottledError) context.metrics.throttled({ source, stream });
    context.metrics.requestFailed({
      source,
      stream,
      durationMs: performance.now() - startedAt,
      status: error instanceof PenstockError ? error.details.status : undefined,
    });
    throw await noteFailure(context, definition, error, jobId);
  }
}

/** The span says where was asked, but for what stands in the path and the query. */
function traced(
  { traces }: FetchContext,
  { baseUrl }: Source,
  request: () => Promise<FetchedPage>,
): Promise<FetchedPage> {
  const attributes = { "server.address": new URL(baseUrl).host };
  return traces.inSpan({ name: "request", kind: "client", attributes }, async (span) => {
    const page = await request().catch((error: unknown) => {
      const { status } = error instanceof PenstockError ? error.details : {};
      if (status !== undefined) span.set({ "http.response.status_code": status });
      throw error;
    });
    const { status, sizeBytes, items } = page;
    span.set({ "http.request.method": page.request.method, "http.response.status_code": status });
    span.set({ "http.response.body.size": sizeBytes, "penstock.records": items.length });
    return page;
  });
}

/** `zstd` is the items, compressed; empty where they are stored in parts. */
type Content = { count: number; zstd: Buffer; contentHash: string };
type Answer = Guarded & { content: Content; observedAt: Date; validator: string | null };

async function contentOf(job: FetchPayload, items: JsonValue[]): Promise<Content> {
  const bytes = itemsBytes(job, items);
  return { count: items.length, zstd: await compress(bytes), contentHash: contentHash(bytes) };
}

function contentOfParts({ parts, ...stored }: PartStore): Content {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  return { count, zstd: Buffer.alloc(0), contentHash: stored.contentHash() };
}

async function followUps(context: FetchContext, job: FetchPayload, answer: Answer): Promise<NewJob[]> {
  const transform = await transformJob(context, job, answer);
  const { next, guard } = answer;
  if (next.kind !== "next") return [transform];
  const seq = job.seq + 1;
  const traceparent = pageTrace(context.traces, job, seq);
  return [transform, fetchJob({ ...job, traceparent }, seq, next.position, guard)];
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
