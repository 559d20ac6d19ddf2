import { defaultBudget } from "@penstock/core/budget";
import { codeOf, messageOf } from "@penstock/core/decision";
import type { DriftCount } from "@penstock/core/drift";
import type { ErrorCode } from "@penstock/core/error-codes";
import { PermanentError } from "@penstock/core/errors";
import { emptyBatch, releaseRows } from "@penstock/core/record";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { Stream } from "@penstock/source/model";
import { schemaVersion } from "@penstock/source/view-columns";
import type { CommittedPage, PageCommit } from "@penstock/store/store";
import { traceIdOf } from "@penstock/telemetry/trace-context";
import { childrenOf } from "./children.ts";
import { definitionOf, type PipelineContext } from "./context.ts";
import { type LetterOrigin, pageLetter } from "./letters.ts";
import { itemsText } from "./page-items.ts";
import { loadPacked, rawReader, unpackItems } from "./page-payload.ts";
import type { TransformedPage } from "./page-transformer.ts";
import { reportDrift } from "./report-drift.ts";
import { reportRun } from "./report-run.ts";

type TransformPayload = JobPayloads["transform"];

/** Validates and transforms one page and commits it with its account, in one transaction. */
export async function transformPage(context: PipelineContext, job: TransformPayload): Promise<void> {
  const { source, stream } = definitionOf(context, job);
  const zstd = await loadPacked(context.store, payloadRef(job), job.items);
  await context.reach("transform.unpacked");
  const startedAt = performance.now();
  const made = await context.traces.inSpan({ name: "transform" }, () =>
    context.transformer.transform({ ...originOf(job), zstd, parent: job.parent, format: context.store.dialect }),
  );
  const durationMs = performance.now() - startedAt;
  context.metrics.pageTransformed({ source: job.source, stream: job.stream, durationMs });
  if (made.implausible > 0) {
    const { runId, seq } = job;
    const fields = { source: job.source, stream: job.stream, runId, seq, records: made.implausible };
    context.logger.warn(fields, "cursor values more than an hour ahead of now are stored and not taken for the bound");
  }
  if (made.frozen !== null) await refuseFrozen(context, job, stream, { ...made, frozen: made.frozen });
  const page = pageCommit(job, { stream, made, raw: rawReader(() => unpackItems(job, zstd)) });
  const keep = stream.keepRawMs === undefined ? {} : { keep: { body: zstd, parent: job.parent } };
  await commit(context, job, { ...page, ...keep, children: childrenOf(source, job.stream) });
  releaseRows(made.records);
}

/** Nothing of such a page is written but what drifted: the bound stays before it, and the run fails when the job is settled. */
async function refuseFrozen(
  context: PipelineContext,
  { source, stream: name, runId, seq }: TransformPayload,
  stream: Stream,
  { drift, frozen }: { drift: readonly DriftCount[]; frozen: string },
): Promise<never> {
  const at = { source, stream: name, runId, seq, schemaVersion: schemaVersion(stream).fingerprint };
  reportDrift(context, at, drift, await context.store.noteDrift(at, drift));
  throw new PermanentError("SCHEMA_FROZEN", frozen, { source, stream: name, seq });
}

/**
 * Accounts for a page that is given up: one letter with all its items, and the page row with every record dead-lettered,
 * so that the prefix goes on and nothing is lost. Where not even the items can be read the run fails instead: the bound
 * stays before the page, and the next run fetches it again.
 */
export async function settleTransform(context: PipelineContext, job: TransformPayload, error: unknown): Promise<void> {
  await context.reach("settle-transform.begun");
  if (codeOf(error) === "SCHEMA_FROZEN") {
    await failRun(context, job, "SCHEMA_FROZEN", messageOf(error));
    return;
  }
  const items = await readableItems(context, job);
  if (items === undefined) {
    const message = `page ${job.seq} cannot be read back from the queue; the next run fetches it again`;
    context.logger.error(
      { source: job.source, stream: job.stream, runId: job.runId, seq: job.seq },
      "page lost on the way, its run fails",
    );
    const isEnded = await context.store.endRun(job.runId, { status: "failed", code: "PAYLOAD_UNREADABLE", message });
    if (isEnded) await reportRun(context, job.runId);
    return;
  }
  if (codeOf(error) === "ACCOUNT_VIOLATED") await failForAccount(context, job, error);
  const letter = pageLetter(originOf(job), itemsText(items), error);
  const stream = context.sources.get(job.source)?.streams[job.stream];
  const page = pageCommit(job, {
    stream,
    made: { ...nothingMade, letters: [letter] },
    raw: rawReader(() => items),
  });
  await commit(context, job, { ...page, deadLettered: job.count });
  context.metrics.pageGivenUp({ source: job.source, stream: job.stream });
}

const nothingMade: TransformedPage = {
  records: emptyBatch,
  letters: [],
  filtered: 0,
  duplicate: 0,
  boundCandidate: null,
  watermark: null,
  implausible: 0,
  drift: [],
  frozen: null,
};

async function failRun(
  context: PipelineContext,
  job: TransformPayload,
  code: "SCHEMA_FROZEN" | "ACCOUNT_VIOLATED",
  message: string,
): Promise<boolean> {
  const isEnded = await context.store.endRun(job.runId, { status: "failed", code, message });
  if (isEnded) await reportRun(context, job.runId);
  return isEnded;
}

/** Before the letter is written, which may complete the run: no run succeeds that lost count of its records. */
async function failForAccount(context: PipelineContext, job: TransformPayload, error: unknown): Promise<void> {
  const { source, stream, runId, seq } = job;
  const message = messageOf(error);
  context.logger.error({ source, stream, runId, seq, reason: message }, "account violated");
  // The run's end counts it too, but it may have ended already: of another such page, or since it was superseded.
  const isCounted = await failRun(context, job, "ACCOUNT_VIOLATED", message);
  if (!isCounted) context.metrics.accountViolated({ source, stream });
}

async function readableItems(context: PipelineContext, job: TransformPayload): Promise<Buffer | undefined> {
  try {
    return unpackItems(job, await loadPacked(context.store, payloadRef(job), job.items));
  } catch (error) {
    if (error instanceof PermanentError) return undefined;
    throw error;
  }
}

type MadePage = { stream: Stream | undefined; made: TransformedPage; raw: PageCommit["raw"] };

function pageCommit(job: TransformPayload, { stream, made, raw }: MadePage): PageCommit {
  return {
    run: { runId: job.runId, source: job.source, stream: job.stream, partition: job.partition, fence: job.fence },
    seq: job.seq,
    cursorIn: job.cursorIn,
    cursorOut: job.cursorOut,
    isLast: job.isLast,
    endStatus: job.incompleteCode === null ? "succeeded" : "incomplete",
    endCode: job.incompleteCode as ErrorCode | null,
    contentHash: job.contentHash,
    validator: job.validator ?? null,
    observedAt: new Date(job.observedAt),
    fetched: job.count,
    filtered: made.filtered,
    records: made.records,
    duplicate: made.duplicate,
    letters: made.letters,
    traceId: traceIdOf(job.traceparent),
    drift: made.drift,
    deadLettered: made.letters.length,
    raw,
    watermark: made.watermark,
    bound: boundRule(stream, made.boundCandidate),
    deadLetterBudget: stream?.deadLetterBudget ?? defaultBudget,
    schemaVersion: stream === undefined ? "" : schemaVersion(stream).fingerprint,
    writeMode: stream?.writeMode ?? "merge",
    ...(stream?.deletions !== undefined && {
      deletions: { brake: stream.deletions, isTransformed: stream.isTransformed },
    }),
  };
}

function boundRule(stream: Stream | undefined, candidate: string | null): PageCommit["bound"] {
  if (stream?.cursor === undefined) return { kind: "string", candidate: null, moves: "never", lookbackMs: 0 };
  const { kind, lookbackMs } = stream.cursor;
  return { kind, candidate, moves: movesByPage(stream) ? "page" : "run", lookbackMs };
}

function movesByPage({ order, paginator }: Stream): boolean {
  return order === "asc" && paginator.mayHide !== true;
}

async function commit(context: PipelineContext, job: TransformPayload, page: PageCommit): Promise<void> {
  await context.reach("transform.made");
  const startedAt = performance.now();
  const committed = await context.traces.inSpan({ name: "commit", kind: "client" }, async (span) => {
    const done = await context.store.commitPage(page);
    span.set({
      "db.system.name": context.store.dialect,
      "penstock.rows": done.rowsWritten,
      "penstock.first": done.isFirst,
    });
    return done;
  });
  await context.reach("transform.committed");
  report(context, job, page, committed, performance.now() - startedAt);
  if (committed.endedRun) await reportRun(context, job.runId);
}

function report(
  context: PipelineContext,
  job: TransformPayload,
  page: PageCommit,
  committed: CommittedPage,
  durationMs: number,
): void {
  const { source, stream, runId, seq } = job;
  const log = context.logger.child({ source, stream, runId, seq });
  context.metrics.pageCommitted({ source, stream, account: committed.account, isFirst: committed.isFirst, durationMs });
  log.debug({ ...committed.account, isFirst: committed.isFirst, durationMs }, "page committed");
  if (committed.isFirst) reportDrift(context, { source, stream, runId, seq }, page.drift ?? [], committed.newDrift);
  for (const letter of page.letters) {
    context.metrics.deadLettered({ source, stream, code: letter.code });
    log.error({ code: letter.code, key: letter.key, path: letter.path, reason: letter.message }, "dead letter");
  }
}

function payloadRef(job: TransformPayload): { runId: string; seq: number; hash: string } {
  return { runId: job.runId, seq: job.seq, hash: job.contentHash };
}

function originOf(job: TransformPayload): LetterOrigin {
  const { source, stream, partition, runId, seq, observedAt, traceparent } = job;
  const traceId = traceIdOf(traceparent);
  return { source, stream, partition, runId, seq, observedAt: new Date(observedAt), traceId };
}
