import { ConfigError } from "@penstock/core/errors";
import type { Run } from "@penstock/core/run";
import { livePartition } from "@penstock/core/run";
import { reportRun } from "@penstock/pipeline/report-run";
import { startRun as startPipelineRun } from "@penstock/pipeline/start-run";
import { z } from "zod";
import { authorOf } from "../author.ts";
import { placeAt, placeText, readCursor, writeCursor } from "../cursor.ts";
import type { Call, Handler, Handlers } from "../handler.ts";
import { iso, isoOrNull, presentRun, remedyOf, sourceQueueUrl } from "../present.ts";

const runPlace = z.object({ startedAt: placeAt, id: placeText });

const listRuns: Handler<"listRuns"> = async ({ query, api }) => {
  const { source, stream, partition, status, mode, limit } = query;
  const after = readCursor(runPlace, query.after);
  const found = await api.pipeline.store.queries.runs({
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(partition !== undefined && { partition }),
    ...(status !== undefined && { status }),
    ...(mode !== undefined && { mode }),
    ...(after !== undefined && { after }),
    limit,
  });
  const last = found.length < limit ? undefined : found.at(-1);
  const next = last && writeCursor({ startedAt: last.startedAt, id: last.runId });
  return { items: found.map((run) => presentRun(run)), next: next ?? null };
};

async function requireRun({ api }: Pick<Call<"getRun">, "api">, id: string): Promise<Run> {
  const run = await api.pipeline.store.queries.run(id);
  if (run === undefined) throw new ConfigError("RUN_UNKNOWN", `there is no run ${id}`);
  return run;
}

const getRun: Handler<"getRun"> = async (call) => {
  const run = await requireRun(call, call.params.run);
  const openLetters = await call.api.pipeline.store.countLetters({ runId: run.runId, status: "open" });
  return {
    ...presentRun(run),
    fence: run.fence,
    apiStartedAt: isoOrNull(run.apiStartedAt),
    remedy: run.errorCode === null ? null : remedyOf(run.errorCode),
    openLetters,
    queueUrl: sourceQueueUrl(run.source),
  };
};

const listPages: Handler<"listPages"> = async (call) => {
  const { params, query, api } = call;
  const run = await requireRun(call, params.run);
  const after = readCursor(z.object({ seq: z.int() }), query.after)?.seq ?? -1;
  const found = await api.pipeline.store.queries.pages({ runId: run.runId, after, limit: query.limit });
  const last = found.length < query.limit ? undefined : found.at(-1);
  const items = found.map((page) => ({
    seq: page.seq,
    observedAt: iso(page.observedAt),
    committedAt: iso(page.committedAt),
    cursorIn: page.cursorIn,
    cursorOut: page.cursorOut,
    isLast: page.isLast,
    isInPrefix: page.seq <= run.committedSeq,
    endCode: page.endCode,
    contentHash: page.contentHash,
    account: page.account,
  }));
  return { items, next: last === undefined ? null : writeCursor({ seq: last.seq }) };
};

/** As `penstock run` starts one, but that the workers which are there do it. */
const startRun: Handler<"startRun"> = async ({ body, api, caller }) => {
  const { pipeline } = api;
  const { source, stream, mode, reason } = body;
  const checkpoint = await pipeline.store.checkpoint(source, stream, livePartition);
  if (checkpoint?.isPaused === true)
    throw new ConfigError("STREAM_PAUSED", `${source}.${stream} is paused`, { source, stream });
  refuseChild(api, body);
  const author = authorOf(caller, reason);
  const { run, isNew } = await startPipelineRun(pipeline, { source, stream, mode, author });
  return { run: presentRun(run), isNew };
};

/** A child stream runs partition by partition, when records of its parent change. */
function refuseChild(
  { pipeline }: Call<"startRun">["api"],
  { source, stream }: { source: string; stream: string },
): void {
  const parent = pipeline.sources.get(source)?.streams[stream]?.parent;
  if (parent === undefined) return;
  const remedy = `run ${source}.${parent.stream}: its changes make partitions of ${stream} due`;
  const message = `${source}.${stream} runs for records of its parent, ${source}.${parent.stream}`;
  throw new ConfigError("CONFIG_INVALID", message, { source, stream, remedy });
}

const cancelRun: Handler<"cancelRun"> = async ({ params, body, api, caller }) => {
  const { run, isCancelled } = await api.pipeline.store.cancelRun(params.run, authorOf(caller, body.reason));
  if (isCancelled) await reportRun(api.pipeline, run.runId);
  return presentRun(run);
};

export const runHandlers = { listRuns, getRun, listPages, startRun, cancelRun } satisfies Partial<Handlers>;
