import type { ErrorCode } from "@penstock/core/error-codes";
import { InvalidRecordError } from "@penstock/core/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import type { ParentValues } from "@penstock/core/partition";
import type { OutputRecord } from "@penstock/core/record";
import { z } from "zod";
import { type DescribedIssue, describeIssue } from "./convert-issues.ts";
import { createPageFetcher, type FetchedPage } from "./fetch-page.ts";
import type { Source, Stream } from "./model.ts";
import { observeRequests, type SentRequest, shownRequest } from "./observe-requests.ts";
import { secretName } from "./stated-secrets.ts";
import type { TokenStore } from "./token-store.ts";
import { bestEffortKey, createTransformer } from "./transform.ts";

/** What is wrong with one field of one record. `index` counts the page's records from 0. */
export type FieldProblem = DescribedIssue & { index: number; key: string | null; code: ErrorCode };

export type PreviewedRecord = { key: string; ts: string | null; data: JsonObject };

export type Preview = {
  /** What was asked, in order, with what credentials stand in concealed: redirects and requests for tokens too. */
  requests: SentRequest[];
  page: FetchedPage;
  records: PreviewedRecord[];
  /** How many records the transform made nothing of. */
  filtered: number;
  /** Of the records that do not fit. */
  problems: FieldProblem[];
};

export type PreviewOptions = {
  signal: AbortSignal;
  /** Where to begin; by default the first page of a run without a bound. */
  position?: JsonObject;
  /** How many of the page's records to look at; default all. */
  limit?: number;
  /** In a child stream: the values of the parent's record. */
  parent?: ParentValues | undefined;
  /** Where OAuth tokens are shared with the processes that run; a source with a refresh token needs it. */
  tokens?: TokenStore | undefined;
};

/** The requests of a fetch that failed, which its error does not tell. */
export type Asked = { requests: SentRequest[] };

/**
 * Fetches one page and puts its records through schema and transform, and stores nothing but renewed OAuth tokens.
 *
 * @param asked is given the requests as they go out, for a caller that has to explain a failure
 * @throws what fetching a page throws
 */
export async function previewPage(
  source: Source,
  stream: Stream,
  options: PreviewOptions,
  asked: Asked = { requests: [] },
): Promise<Preview> {
  const position = options.position ?? stream.paginator.start(null, stream.cursor);
  const fetcher = createPageFetcher(source, options.tokens && { tokens: options.tokens });
  using observer = observeRequests();
  try {
    const page = await fetcher.fetch(stream, position, { signal: options.signal, parent: options.parent });
    return {
      requests: asked.requests,
      page,
      ...processed(source, stream, page.items.slice(0, options.limit), options),
    };
  } finally {
    const open = openParameters(stream, position);
    asked.requests.push(...observer.requests.map((request) => shownRequest(request, open)));
    await fetcher.close();
  }
}

/** Those that stand in the stream's definition, unless they are called as credentials are; and the paginator's. */
function openParameters({ query, paginator }: Stream, position: JsonObject): Set<string> {
  const defined = Object.keys(query).filter((name) => !secretName.test(name));
  return new Set([...defined, ...Object.keys(paginator.request(position).query ?? {})]);
}

function processed(source: Source, stream: Stream, items: JsonValue[], { parent }: PreviewOptions) {
  const transform = createTransformer(source, stream, parent && { key: "parent", values: parent });
  const records: PreviewedRecord[] = [];
  const problems: FieldProblem[] = [];
  let filtered = 0;
  for (const [index, item] of items.entries()) {
    try {
      const made = transform(item, { fetchedAt: new Date() });
      if (made.kind === "filtered") filtered += 1;
      else records.push(...made.records.map(previewed));
    } catch (error) {
      if (!(error instanceof InvalidRecordError)) throw error;
      problems.push(
        ...problemsOf(error, item).map((problem) => ({ ...problem, index, key: bestEffortKey(stream, item) })),
      );
    }
  }
  return { records, filtered, problems };
}

function previewed({ key, ts, data }: OutputRecord): PreviewedRecord {
  const parsed: JsonValue = JSON.parse(data);
  return { key, ts, data: isJsonObject(parsed) ? parsed : {} };
}

/** One problem per field. The error itself knows the first only; the schema's error, which is its cause, knows them all. */
function problemsOf(
  { code, message, details, cause }: InvalidRecordError,
  item: JsonValue,
): Omit<FieldProblem, "index" | "key">[] {
  if (code !== "OUTPUT_INVALID" && cause instanceof z.ZodError) {
    return cause.issues.map((issue) => ({ code, ...describeIssue(issue, item) }));
  }
  const { path = "", expected = message, received = "" } = details;
  return [{ code, path, expected, received }];
}
