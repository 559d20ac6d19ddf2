import { CancelledError, PenstockError, PermanentError } from "@penstock/core/errors";
import { contentHash } from "@penstock/core/hash";
import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import type { ParentValues } from "@penstock/core/partition";
import { Agent, type Dispatcher, request } from "undici";
import { classifyFailure, classifyStatus, type Progress, type RequestLabel } from "./classify.ts";
import { describeValue } from "./describe-value.ts";
import type { Source, Stream } from "./model.ts";
import { pageUrl } from "./page-url.ts";
import type { NextPage, PageSeen } from "./paginator.ts";
import { type RateLimitState, rateLimitOf } from "./rate-limit.ts";
import { acceptedEncodings, excerptOf, parseBody, readBody } from "./read-body.ts";
import { bestEffortKey } from "./transform.ts";

/** One fetched response and what came out of it. */
export type FetchedPage = {
  /** The raw records, as selected. */
  items: JsonValue[];
  /** Cursor text of each item, `null` where it has none. */
  cursors: (string | null)[];
  next: NextPage;
  /** The API's own clock, from its `Date` header. */
  apiDate: Date | null;
  /** What the API says about the requests that are left. */
  rateLimit: RateLimitState | undefined;
  status: number;
  /** Decompressed. */
  sizeBytes: number;
  durationMs: number;
};

export type FetchOptions = {
  signal: AbortSignal;
  /** In a child stream: what fills its path and query. */
  parent?: ParentValues | undefined;
};

export type PageFetcher = {
  /**
   * Fetches the page at a position of a stream.
   *
   * @throws TransientError, ThrottledError, PermanentError by the tables in `classify`, and `BODY_NOT_JSON`,
   * `BODY_TOO_LARGE`, `SELECTOR_MISSED` and what the paginator throws
   * @throws CancelledError when `signal` is aborted
   */
  fetch(stream: Stream, position: JsonObject, options: FetchOptions): Promise<FetchedPage>;
  /** Ends idle connections at once and waits for requests under way. */
  close(): Promise<void>;
};

// The longest a whole request may take, in units of the longest single wait: ends a body that drips for ever.
const totalTimeouts = 4;
const errorExcerptBytes = 64 * 1024;
const userAgent = "penstock/0.1";

/** Fetches pages of one source, over connections that are kept alive. Redirects are not followed. */
export function createPageFetcher(source: Source): PageFetcher {
  const agent = new Agent({
    connections: source.concurrency,
    connect: { timeout: source.timeoutMs },
    headersTimeout: source.timeoutMs,
    bodyTimeout: source.timeoutMs,
  });
  return {
    fetch: async (stream, position, { signal, parent }) => {
      const startedAt = performance.now();
      const url = pageUrl(source, stream, stream.paginator.request(position), parent);
      const label = { source: source.name, stream: stream.name, origin: url.origin, path: url.pathname };
      const answer = await exchange({
        agent,
        source,
        stream,
        url,
        label,
        signal,
        remark: stream.paginator.remark?.(position),
      });
      const page = placed(label, () => readPage(source, stream, { position, url }, answer));
      return { ...page, durationMs: performance.now() - startedAt };
    },
    close: () => agent.close(),
  };
}

type Exchange = {
  agent: Agent;
  source: Source;
  stream: Stream;
  url: URL;
  label: RequestLabel;
  signal: AbortSignal;
  remark: string | undefined;
};
type Answer = { body: Buffer; response: Dispatcher.ResponseData };

async function exchange({ agent, source, stream, url, label, signal, remark }: Exchange): Promise<Answer> {
  const deadline = AbortSignal.timeout(source.timeoutMs * totalTimeouts);
  let progress: Progress = "waiting";
  try {
    const response = await request(url, {
      dispatcher: agent,
      headers: headersOf(source),
      signal: AbortSignal.any([signal, deadline]),
    });
    progress = "reading";
    const isSuccess = response.statusCode >= 200 && response.statusCode < 300;
    const body = isSuccess ? await readWhole(response, stream.maxBytes) : await readExcerpt(response);
    const failure = classifyStatus(
      { ...statusOf(response), excerpt: excerptOf(body, source.auth.conceal), remark, now: new Date() },
      label,
    );
    if (failure !== undefined) throw failure;
    return { body, response };
  } catch (error) {
    if (error instanceof PenstockError) throw placedError(error, label);
    if (signal.aborted)
      throw new CancelledError("CANCELLED", `the request to ${label.origin} was cancelled`, {
        ...placeOf(label),
        cause: error,
      });
    throw classifyFailure(deadline.aborted ? deadline.reason : error, progress, label);
  }
}

function headersOf(source: Source): Record<string, string> {
  const headers: Record<string, string> = {
    accept: "application/json",
    "accept-encoding": acceptedEncodings,
    "user-agent": userAgent,
    ...source.headers,
  };
  source.auth.apply(headers);
  return headers;
}

function readWhole({ body, headers }: Dispatcher.ResponseData, maxBytes: number): Promise<Buffer> {
  return readBody(body, headerOf(headers, "content-encoding"), maxBytes);
}

/** The body of an answer that is an error serves the message only: what cannot be read of it is left out. */
async function readExcerpt(response: Dispatcher.ResponseData): Promise<Buffer> {
  try {
    return await readWhole(response, errorExcerptBytes);
  } catch {
    return Buffer.alloc(0);
  }
}

function statusOf({ statusCode, headers }: Dispatcher.ResponseData) {
  return {
    status: statusCode,
    retryAfter: headerOf(headers, "retry-after"),
    rateLimit: rateLimitIn(headers),
    location: headerOf(headers, "location"),
  };
}

function headerOf(headers: Dispatcher.ResponseData["headers"], name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function singleHeaders(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]));
}

function rateLimitIn(headers: Dispatcher.ResponseData["headers"]): RateLimitState | undefined {
  return rateLimitOf(singleHeaders(headers), dateOf(headerOf(headers, "date")) ?? new Date());
}

type ReadPage = Omit<FetchedPage, "durationMs">;

type Asked = { position: JsonObject; url: URL };

function readPage(source: Source, stream: Stream, asked: Asked, { body, response }: Answer): ReadPage {
  const parsed = parseBody(body, headerOf(response.headers, "content-type"), source.auth.conceal);
  const items = selectItems(stream, parsed);
  const headers = singleHeaders(response.headers);
  const seen = { ...seeRecords(stream, items), body: parsed, headers, url: asked.url.href };
  const next = stream.paginator.next(asked.position, seen);
  const apiDate = dateOf(headerOf(response.headers, "date"));
  return {
    items,
    cursors: seen.cursors,
    next,
    apiDate,
    rateLimit: rateLimitOf(headers, apiDate ?? new Date()),
    status: response.statusCode,
    sizeBytes: body.byteLength,
  };
}

function selectItems(stream: Stream, body: JsonValue): JsonValue[] {
  const selected = select(stream, body);
  if (Array.isArray(selected)) return selected;
  const found = isJsonObject(body) ? `an ${describeValue(body)}` : describeValue(body);
  throw new PermanentError(
    "SELECTOR_MISSED",
    `the selector found ${describeValue(selected)} instead of an array; the response is ${found}`,
    {
      expected: "array",
      received: describeValue(selected),
    },
  );
}

function select(stream: Stream, body: JsonValue): JsonValue | undefined {
  try {
    return stream.records(body);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PermanentError(
      "SELECTOR_MISSED",
      `the selector threw on a response that is ${describeValue(body)}: ${reason}`,
      { cause },
    );
  }
}

function seeRecords(stream: Stream, items: JsonValue[]): Pick<PageSeen, "items" | "cursors" | "rawCursors" | "keys"> {
  const { cursor } = stream;
  return {
    items,
    cursors: items.map((item) => cursor?.of(item) ?? null),
    rawCursors: items.map((item) => cursor?.raw(item)),
    keys: items.map((item) => bestEffortKey(stream, item) ?? contentHash(JSON.stringify(item))),
  };
}

function dateOf(header: string | undefined): Date | null {
  const date = new Date(header ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

function placed<T>(label: RequestLabel, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof PermanentError ? placedError(error, label) : error;
  }
}

/** The same error, saying which source and stream it is about. */
function placedError(error: PenstockError, label: RequestLabel): PenstockError {
  if (error.details.source !== undefined || !(error instanceof PermanentError)) return error;
  return new PermanentError(error.code, `${label.source}.${label.stream}: ${error.message}`, {
    ...error.details,
    ...placeOf(label),
    cause: error.cause,
  });
}

function placeOf({ source, stream }: RequestLabel): { source: string; stream: string } {
  return { source, stream };
}
