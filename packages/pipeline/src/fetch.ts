import { CancelledError, PenstockError, PermanentError, ThrottledError } from "@penstock/core/errors";
import { contentHash } from "@penstock/core/hash";
import { transformJobId } from "@penstock/core/job-id";
import { canonicalJson } from "@penstock/core/json";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { JobContext, JobOutcome, NewJob } from "@penstock/queues/queues";
import type { FetchedPage } from "@penstock/source/fetch-page";
import type { Source, Stream } from "@penstock/source/model";
import type { RunState } from "@penstock/store/store";
import { definitionOf, type FetchContext, runAheadPages } from "./context.ts";
import { endOverdue, isOverdue } from "./deadline.ts";
import { type Guarded, guardNext } from "./loop-guard.ts";
import { packItems } from "./page-payload.ts";
import { admit, noteAnswer, noteFailure } from "./politeness.ts";
import { fetchJob } from "./start-run.ts";

type FetchPayload = JobPayloads["fetch"];

const pausedMs = 5_000;
const heldBackMs = 250;

/**
 * Fetches one page and enqueues, together, its transform and the fetch of the page behind it.
 *
 * The run is read before the request and again after it: a run that ended meanwhile gets no further page. Nothing is
 * written but the page's payload when it is too big for a job, so that any step may be repeated.
 */
export async function fetchPage(
  context: FetchContext,
  job: FetchPayload,
  { jobId, signal }: JobContext,
): Promise<JobOutcome> {
  const { source, stream } = definitionOf(context, job);
  const begunAt = performance.now();
  const before = await context.store.readRun(job.runId);
  if (!isLive(before, job)) return;
  if (isOverdue(before.run, stream, before.now)) return endOverdue(context, before);
  // With its successor committed, this is the tail of a chain that came to run twice; two of them would run to the end.
  if (job.seq < before.run.committedSeq) return;
  if (before.isPaused) return { deferMs: pausedMs };
  if (job.seq > before.run.committedSeq + runAheadPages || (await context.isHeldBack())) return { deferMs: heldBackMs };

  const wait = await admit(context, source, before, jobId);
  if (wait !== undefined) return wait;
  await context.reach("fetch.begun");
  const page = await requestPage(context, { source, stream, job, jobId, signal });
  await context.reach("fetch.answered");
  if (job.seq === 0) await noteApiStart(context, job, page, performance.now() - begunAt);
  const content = contentOf(job, page);
  const guarded = guardNext({ ...job, guard: job.guard, stream, ...content }, page.next);
  const after = await context.store.readRun(job.runId);
  await noteAnswer(context, source, after?.source ?? before.source, page);
  if (!isLive(after, job)) return;
  const jobs = await followUps(context, job, { content, ...guarded, observedAt: before.now });
  await context.reach("fetch.packed");
  await context.queues.enqueue(jobs);
  await context.reach("fetch.enqueued");
}

/**
 * The API's clock when the page was observed, not when it answered: what changed in between, another worker's answer may lack
 * that counts as the later one.
 */
async function noteApiStart(
  { store }: FetchContext,
  { runId }: FetchPayload,
  { apiDate }: FetchedPage,
  elapsedMs: number,
): Promise<void> {
  if (apiDate !== null) await store.noteApiStart(runId, new Date(apiDate.getTime() - Math.ceil(elapsedMs)));
}

/** False when the run has ended or another one has the partition. */
function isLive(state: RunState | undefined, job: FetchPayload): state is RunState {
  return state?.run.status === "running" && state.run.fence === job.fence;
}

type Request = { source: Source; stream: Stream; job: FetchPayload; jobId: string; signal: AbortSignal };

async function requestPage(context: FetchContext, asked: Request): Promise<FetchedPage> {
  const { stream, job, signal } = asked;
  const fetcher = context.fetchers.get(job.source);
  if (fetcher === undefined)
    throw new CancelledError("SOURCE_UNKNOWN", `this process does not fetch from ${job.source}`);
  const options = { signal, parent: job.parent };
  const page = await counted(context, asked, () => fetcher.fetch(stream, job.position, options));
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
    records: page.items.length,
    durationMs: page.durationMs,
  };
  context.logger.debug(fields, "page fetched");
  return page;
}

/** The request, counted and noted when it brings no page. */
async function counted(
  context: FetchContext,
  { source: definition, job: { source, stream }, jobId }: Request,
  request: () => Promise<FetchedPage>,
): Promise<FetchedPage> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof ThrottledError) context.metrics.throttled({ source, stream });
    context.metrics.requestFailed({
      source,
      stream,
      status: error instanceof PenstockError ? error.details.status : undefined,
    });
    throw await noteFailure(context, definition, error, jobId);
  }
}

type Content = { count: number; itemsJson: string; contentHash: string };
type Answer = Guarded & { content: Content; observedAt: Date };

function contentOf(job: FetchPayload, page: FetchedPage): Content {
  const itemsJson = itemsText(job, page);
  return { count: page.items.length, itemsJson, contentHash: contentHash(itemsJson) };
}

async function followUps(context: FetchContext, job: FetchPayload, answer: Answer): Promise<NewJob[]> {
  const transform = await transformJob(context, job, answer);
  const { next, guard } = answer;
  return next.kind === "next" ? [transform, fetchJob(job, job.seq + 1, next.position, guard)] : [transform];
}

async function transformJob(
  context: FetchContext,
  job: FetchPayload,
  { content, next, observedAt }: Answer,
): Promise<NewJob> {
  const { position, guard: _guard, ...run } = job;
  const { contentHash: hash, itemsJson, count } = content;
  const cursorIn = canonicalJson(position);
  const items = await packItems(context.store, { runId: job.runId, seq: job.seq, hash }, itemsJson);
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
    },
  };
}

/** Parsing goes deeper than writing JSON does, which runs out of stack at some thousand levels. */
function itemsText({ source, stream, seq }: FetchPayload, page: FetchedPage): string {
  try {
    return JSON.stringify(page.items);
  } catch (cause) {
    const message = `page ${seq} of ${source}.${stream} is nested too deeply to be passed on`;
    throw new PermanentError("BODY_TOO_DEEP", message, { source, stream, seq, cause });
  }
}
