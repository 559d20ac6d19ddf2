import { CancelledError, PenstockError, PermanentError } from "@penstock/core/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import type { ParentValues } from "@penstock/core/partition";
import { classifyFailure, type RequestLabel } from "./classify.ts";
import { concealLinks } from "./conceal.ts";
import { dateOf } from "./headers.ts";
import { createHttpClient, type HttpClient } from "./http-client.ts";
import type { Source, Stream } from "./model.ts";
import { selectItems } from "./page-content.ts";
import { type Exchange, exchange, type Received } from "./page-exchange.ts";
import type { OnPart } from "./page-parts.ts";
import { httpRequest, labelOf, type Validator, validatorOf } from "./page-request.ts";
import type { NextPage } from "./paginator.ts";
import { type RateLimitState, rateLimitOf } from "./rate-limit.ts";
import { type InStep, untold } from "./request-step.ts";
import { concealPath } from "./secret-paths.ts";
import { seeRecords } from "./seen-records.ts";
import type { TokenStore } from "./token-store.ts";

/** One fetched response and what came out of it. */
export type FetchedPage = {
  /** The raw records, as selected. Where the response came in parts, `null` stands for those that are not of the last one. */
  items: JsonValue[];
  /** Cursor text of each item, `null` where it has none. */
  cursors: (string | null)[];
  next: NextPage;
  /** True when nothing has changed since the answer that the validator is of; there are no items then. */
  isNotModified: boolean;
  /** For the next run to ask with. */
  validator: Validator | undefined;
  /** What was asked, without credentials. */
  request: { method: string; url: string };
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
  /** Of an earlier answer: asks for another only. */
  validator?: Validator | undefined;
  /** Takes the records of a large response as they come. Without it they are all in `items`. */
  onPart?: OnPart;
};

export type PageFetcher = {
  /**
   * Fetches the page at a position of a stream.
   *
   * @throws TransientError, ThrottledError, PermanentError by the tables in `classify` and the rules of stream and source,
   * and `BODY_NOT_JSON`, `BODY_TOO_LARGE`, `SELECTOR_MISSED`, `ORIGIN_REFUSED`, `ADDRESS_REFUSED`, `REDIRECT_LIMIT`,
   * `TOKEN_REFUSED` and what the paginator throws
   * @throws CancelledError when `signal` is aborted
   */
  fetch(stream: Stream, position: JsonObject, options: FetchOptions): Promise<FetchedPage>;
  /** Ends idle connections at once and waits for requests under way. */
  close(): Promise<void>;
};

export type FetcherOptions = {
  /** Where OAuth tokens are shared with other processes. Without it a source with a refresh token is refused. */
  tokens?: TokenStore;
  /** Told of redirects and of requests for tokens. */
  inStep?: InStep;
};

/** Fetches pages of one source, over connections that are kept alive. */
export function createPageFetcher(source: Source, { tokens, inStep = untold }: FetcherOptions = {}): PageFetcher {
  const client = createHttpClient(source, tokens, inStep);
  return {
    fetch: (stream, position, options) => fetchPage({ source, client, stream }, position, options),
    close: client.close,
  };
}

type FetchContext = { source: Source; client: HttpClient; stream: Stream };

async function fetchPage(context: FetchContext, position: JsonObject, options: FetchOptions): Promise<FetchedPage> {
  const { source, client, stream } = context;
  const startedAt = performance.now();
  const place = { source: source.name, stream: stream.name };
  const sent = await placed(place, async () =>
    httpRequest(source, stream, stream.paginator.request(position), options.parent),
  );
  using deadline = deadlineIn(source.timeouts.totalMs);
  const parted: JsonValue[][] = [];
  const under: Exchange = {
    source,
    stream,
    client,
    sent,
    label: labelOf(source, stream, sent),
    signal: AbortSignal.any([options.signal, deadline.signal]),
    validator: options.validator,
    remark: stream.paginator.remark?.(position),
    onPart: options.onPart ?? (async (items) => void parted.push(items)),
    progress: "waiting",
  };
  const received = await placed(place, () =>
    failing(under, { stop: options.signal, deadline: deadline.signal }, () => exchange(under)),
  );
  const page = await placed(place, async () => pageOf(under, position, received));
  const items = parted.length === 0 ? page.items : parted.flat();
  return { ...page, items, durationMs: performance.now() - startedAt };
}

/** As AbortSignal.timeout, which would hold on to the request until the time is over, long after it was answered. */
function deadlineIn(ms: number): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException("the request took too long", "TimeoutError")), ms);
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** What a connection that fails in `work` means. */
async function failing<T>(
  under: Exchange,
  signals: { stop: AbortSignal; deadline: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PenstockError) throw error;
    const { label } = under;
    if (signals.stop.aborted)
      throw new CancelledError("CANCELLED", `the request to ${label.origin} was cancelled`, {
        ...placeOf(label),
        cause: error,
      });
    throw classifyFailure(signals.deadline.aborted ? signals.deadline.reason : error, under.progress, label);
  }
}

type ReadPage = Omit<FetchedPage, "durationMs">;

function pageOf(under: Exchange, position: JsonObject, received: Received): ReadPage {
  const { stream, sent } = under;
  const { status, headers, content } = received;
  const url = sent.target.url.href;
  const apiDate = dateOf(headers);
  const about = {
    isNotModified: received.isNotModified,
    validator: received.isNotModified ? under.validator : validatorOf(sent, headers),
    request: { method: sent.method, url },
    apiDate,
    rateLimit: rateLimitOf(headers, apiDate ?? new Date()),
    status,
    sizeBytes: content?.sizeBytes ?? 0,
  };
  if (content === undefined) return { items: [], cursors: [], next: { kind: "end" }, ...about };
  // Of a body in parts this makes sure that there was an array at all.
  const selected = selectItems(stream, content.body);
  const seen = content.seen ?? seeRecords(stream, selected);
  // Assigned, since a copy would read the keys.
  const next = stream.paginator.next(position, Object.assign(seen, { body: content.body, headers, url }));
  return { items: seen.items, cursors: seen.cursors, next: withoutSecrets(next, under), ...about };
}

/** APIs repeat a key of the query in their links, and positions travel in jobs. */
function withoutSecrets(next: NextPage, { source, stream, client }: Exchange): NextPage {
  if (next.kind !== "next") return next;
  const position = concealLinks(next.position, (link) => concealPath(source, stream, client.concealLink(link)));
  return isJsonObject(position) ? { ...next, position } : next;
}

type Place = { source: string; stream: string };

/** The work's errors, saying which source and stream they are about. */
async function placed<T>(place: Place, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PermanentError) || error.details.source !== undefined) throw error;
    throw new PermanentError(error.code, `${place.source}.${place.stream}: ${error.message}`, {
      ...error.details,
      ...place,
      cause: error.cause,
    });
  }
}

function placeOf({ source, stream }: RequestLabel): Place {
  return { source, stream };
}
