import { CancelledError, PenstockError, ThrottledError } from "@penstock/core/errors";
import { contentHash } from "@penstock/core/hash";
import type { JsonValue } from "@penstock/core/json";
import type { JobPayloads } from "@penstock/queues/catalog";
import type { FetchedPage, FetchOptions } from "@penstock/source/fetch-page";
import type { Source, Stream } from "@penstock/source/model";
import type { PartStore } from "./answer-parts.ts";
import type { FetchContext } from "./context.ts";
import { itemsBytes } from "./page-items.ts";
import { compress } from "./page-payload.ts";
import { noteFailure } from "./politeness.ts";

type FetchPayload = JobPayloads["fetch"];

export type PageRequest = { source: Source; stream: Stream; job: FetchPayload; jobId: string; options: FetchOptions };

/** `zstd` is the items, compressed; empty where they are stored in parts. */
export type Content = { count: number; zstd: Buffer; contentHash: string };

/** A page without the records themselves: parsed, they are four times as large, and who waits for the queue keeps what it knows. */
export type AnsweredPage = Omit<FetchedPage, "items" | "cursors"> & { content: Content };

/**
 * Asks the API for a page.
 *
 * @throws CancelledError `SOURCE_UNKNOWN`, and what `PageFetcher.fetch` throws
 */
export async function requestPage(context: FetchContext, asked: PageRequest, stored: PartStore): Promise<AnsweredPage> {
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
  { source: definition, job: { source, stream }, jobId }: PageRequest,
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

async function contentOf(job: FetchPayload, items: JsonValue[]): Promise<Content> {
  const bytes = itemsBytes(job, items);
  return { count: items.length, zstd: await compress(bytes), contentHash: contentHash(bytes) };
}

function contentOfParts({ parts, ...stored }: PartStore): Content {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  return { count, zstd: Buffer.alloc(0), contentHash: stored.contentHash() };
}
