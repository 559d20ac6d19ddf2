import type { Author } from "@penstock/core/audit";
import { PermanentError } from "@penstock/core/errors";
import type { JsonObject } from "@penstock/core/json";
import { schemaVersion } from "@penstock/source/view-columns";
import type { RawPage, Replay, ReplayCommit, ReplayFilter, ReplayRequest } from "@penstock/store/store";
import { childrenOf } from "./children.ts";
import { definitionOf, type PipelineContext } from "./context.ts";
import { rawReader, unpackItems } from "./page-payload.ts";

/** Kept pages read at once: some megabytes. */
const readAhead = 8;

export type ReplayContext = Pick<PipelineContext, "store" | "sources" | "transformer" | "reach">;
export type ReplayProgress = { replay: Replay; remaining: number };

export type ReplayOptions = {
  signal: AbortSignal;
  author: Author;
  onProgress: (progress: ReplayProgress) => void;
  /** Begins again where the same request was interrupted: of a changed transform only its schemas tell. */
  isRestart?: boolean;
};

/**
 * Transforms kept pages again with today's definition, oldest first, and asks the API nothing. Stops when `signal` is aborted;
 * the same request goes on from there. Runs beside live runs: by the rule of versions neither undoes the other.
 *
 * @throws PermanentError `SOURCE_UNKNOWN`; `SCHEMA_FROZEN` when a page has what the contract freezes, with the pages before it done
 */
export async function replayPages(
  context: ReplayContext,
  request: ReplayRequest,
  { signal, author, onProgress, isRestart = false }: ReplayOptions,
): Promise<Replay> {
  const { stream } = definitionOf(context, request);
  const { fingerprint } = schemaVersion(stream);
  let replay = await context.store.startReplay({ ...request, schemaVersion: fingerprint, isRestart, author });
  await context.reach("replay.begun");
  let remaining = await context.store.countRawPages({ ...request, after: replay.position });
  onProgress({ replay, remaining });
  for (;;) {
    const pages = await context.store.listRawPages({ ...request, after: replay.position, limit: readAhead });
    for (const page of pages) {
      signal.throwIfAborted();
      replay = await context.store.commitReplay({ ...(await remade(context, page)), replayId: replay.id });
      await context.reach("replay.committed");
      remaining = Math.max(0, remaining - 1);
      onProgress({ replay, remaining });
    }
    if (pages.length === 0) break;
  }
  await context.store.endReplay(replay.id, author);
  return replay;
}

async function remade(
  context: ReplayContext,
  { body, parent, ...page }: RawPage,
): Promise<Omit<ReplayCommit, "replayId">> {
  const { source, stream } = definitionOf(context, page);
  const made = await context.transformer.transform({
    ...page,
    traceId: null,
    zstd: body,
    parent,
    format: context.store.dialect,
  });
  const { source: name, runId, seq } = page;
  if (made.frozen !== null) {
    throw new PermanentError("SCHEMA_FROZEN", `page ${seq} of run ${runId}: ${made.frozen}`, {
      source: name,
      stream: stream.name,
      seq,
    });
  }
  const { fingerprint } = schemaVersion(stream);
  return {
    page,
    raw: rawReader(() => unpackItems(page, body)),
    traceId: null,
    records: made.records,
    letters: made.letters,
    schemaVersion: fingerprint,
    writeMode: stream.writeMode,
    children: childrenOf(source, stream.name),
  };
}

/** What the audit log says of a replay. */
export function replayDetails(
  { since, runId }: ReplayFilter,
  { id, pages, rowsWritten, deadLettered }: Replay,
): JsonObject {
  return {
    replay: id,
    ...(since !== undefined && { since: since.toISOString() }),
    ...(runId !== undefined && { run: runId }),
    pages,
    rowsWritten,
    deadLettered,
  };
}

/** Deletes kept pages that are past their time, and those of streams that keep none any more. */
export async function pruneRawPages({ store, sources, logger }: PipelineContext): Promise<void> {
  for (const source of sources.values()) {
    for (const stream of Object.values(source.streams)) {
      const of = { source: source.name, stream: stream.name };
      const pruned = await store.pruneRawPages({ ...of, keepMs: stream.keepRawMs ?? 0 });
      if (pruned > 0) logger.debug({ ...of, pages: pruned }, "kept pages are past their time");
    }
  }
}
