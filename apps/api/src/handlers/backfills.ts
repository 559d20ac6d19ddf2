import { ConfigError } from "@penstock/core/errors";
import { requireBackfillable } from "@penstock/pipeline/backfills";
import { reportRun } from "@penstock/pipeline/report-run";
import { type Duration, durationMs } from "@penstock/source/duration";
import type { Backfill } from "@penstock/store/store";
import { authorOf } from "../author.ts";
import type { Handler, Handlers } from "../handler.ts";
import { iso, isoOrNull } from "../present.ts";

const listed = 100;

const listBackfills: Handler<"listBackfills"> = async ({ api }) => {
  const found = await api.pipeline.store.listBackfills({ limit: listed });
  return { items: found.map(presentBackfill) };
};

const getBackfill: Handler<"getBackfill"> = async ({ params, api }) =>
  presentBackfill(await api.pipeline.store.readBackfill(params.backfill));

/** As `penstock backfill --detach`: the workers that are there do it. */
const startBackfill: Handler<"startBackfill"> = async ({ body, api, caller }) => {
  const { source, stream, parallel } = body;
  const defined = api.pipeline.sources.get(source)?.streams[stream];
  if (defined === undefined)
    throw new ConfigError("SOURCE_UNKNOWN", `no stream ${source}.${stream} is defined here`, { source, stream });
  const windowMs = durationMs(body.partition as Duration);
  const request = { source, stream, from: new Date(body.from), to: new Date(body.to), windowMs, parallel };
  requireBackfillable(defined, request);
  const { backfill } = await api.pipeline.store.startBackfill(request, authorOf(caller, body.reason));
  return presentBackfill(backfill);
};

const cancelBackfill: Handler<"cancelBackfill"> = async ({ params, body, api, caller }) => {
  const { store } = api.pipeline;
  const { backfill, ended } = await store.cancelBackfill(params.backfill, authorOf(caller, body.reason));
  for (const runId of ended) await reportRun(api.pipeline, runId);
  return presentBackfill(backfill);
};

export const backfillHandlers = {
  listBackfills,
  getBackfill,
  startBackfill,
  cancelBackfill,
} satisfies Partial<Handlers>;

function presentBackfill({ id, source, stream, from, to, status, windows, account, startedAt, endedAt }: Backfill) {
  const elapsedMs = (endedAt?.getTime() ?? Date.now()) - startedAt.getTime();
  const left = windows.total - windows.done - windows.failed;
  const isTelling = status === "running" && windows.done > 0 && elapsedMs > 0;
  return {
    id,
    source,
    stream,
    from: iso(from),
    to: iso(to),
    status,
    windows,
    account,
    startedAt: iso(startedAt),
    endedAt: isoOrNull(endedAt),
    recordsPerSecond: elapsedMs > 0 ? (account.fetched * 1_000) / elapsedMs : null,
    remainingMs: isTelling ? Math.round((elapsedMs / windows.done) * left) : null,
  };
}
