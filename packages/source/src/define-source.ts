import { defaultBudget } from "@penstock/core/budget";
import type { ScalarKind } from "@penstock/core/cursor";
import type { JsonObject, JsonValue } from "@penstock/core/json";
import type { WriteMode } from "@penstock/core/record";
import type { BreakerPolicy } from "@penstock/core/source-state";
import type { z } from "zod";
import { type Auth, noAuth } from "./auth.ts";
import { type BudgetOption, budgetOf } from "./budget-option.ts";
import { concealing } from "./conceal.ts";
import { type ContractOption, contractOf } from "./contract/contract-option.ts";
import { type ChildTransform, convertAsIs, convertWith, type Transform, withParent } from "./convert.ts";
import { type CursorOptions, cursorOn } from "./cursor-field.ts";
import { type Duration, durationMs } from "./duration.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import type { ErrorRule } from "./error-rules.ts";
import type { JsonPath } from "./json-path.ts";
import type { Convert, Overlap, Query, RetryPolicy, Schedule, Source, Stream, Timeouts } from "./model.ts";
import type { Paginator } from "./paginator.ts";
import { forStream } from "./paginators/newest-first.ts";
import { singlePage } from "./paginators/none.ts";
import { type ParentFields, type ParentOptions, parentOf } from "./parent.ts";
import { plainPath, recordSelector } from "./record-selector.ts";
import { isLongEnough } from "./stated-secrets.ts";
import { streamTable } from "./stream-table.ts";

/** What a source file exports: a source that still has to meet its environment. */
export type SourceDefinition = {
  name: string;
  /** @throws ConfigError `CONFIG_INVALID` for variables that are there but wrong */
  configure(env: Environment): Configured;
};

/** A source whose variables are missing is no error: it is listed and does not run. */
export type Configured = { isConfigured: true; source: Source } | { isConfigured: false; problems: string[] };

export type SourceOptions = {
  baseUrl: string;
  /** Default: none. */
  auth?: Auth;
  headers?: Record<string, string>;
  /** Default 30,000. */
  timeoutMs?: number;
  /** Where single waits differ from `timeoutMs`; `totalMs` is four times the longest. */
  timeouts?: Partial<Timeouts>;
  /** Sent with every request. */
  query?: Record<string, string>;
  /** Origins beside that of `baseUrl` that links and redirects of the API may lead to; they get no credentials. */
  allowedOrigins?: string[];
  /** What is done about which answers, before the defaults. */
  errors?: readonly ErrorRule[];
  /** Requests in flight at once, over all workers; default 4. */
  concurrency?: number;
  /** Default 10 requests per second, over all workers. */
  rateLimit?: { max: number; perMs: number };
  /** Default 5 attempts, with full jitter up to 1 s after the first and up to 60 s at most. */
  retry?: RetryPolicy;
  /** Opens after `failures` requests in a row that failed, for `openMs`, then twice as long and so on; default 10, 30 s, 10 min. */
  breaker?: BreakerPolicy;
  /** The longest pause the API may ask for, default `1d`. */
  maxThrottle?: Duration;
  /** By name: `[a-z][a-z0-9_]*`. */
  streams: Record<string, StreamDefinition>;
};

/** A stream without its name, which is its key in `streams`. */
export type StreamDefinition = Omit<Stream, "name">;

export type EnvironmentOptions<E extends z.ZodObject> = {
  name: string;
  /** The environment variables that the source takes. One that is required and missing leaves the source unconfigured. */
  environment: E;
  define: (env: z.output<E>) => SourceOptions;
};

/**
 * Describes an API: `{ name, baseUrl, streams }`, or with variables of its own `{ name, environment, define }`.
 *
 * A source file exports one by default. Nothing happens before it is loaded.
 */
export function defineSource<E extends z.ZodObject>(options: EnvironmentOptions<E>): SourceDefinition;
export function defineSource(options: SourceOptions & { name: string }): SourceDefinition;
export function defineSource<E extends z.ZodObject>(
  options: EnvironmentOptions<E> | (SourceOptions & { name: string }),
): SourceDefinition {
  const { name } = options;
  if (!("environment" in options))
    return { name, configure: () => ({ isConfigured: true, source: sourceOf(name, options, []) }) };
  return {
    name,
    configure: (env) => {
      const read = readEnvironment(name, options.environment, env);
      if (!read.isComplete) return { isConfigured: false, problems: read.problems };
      return { isConfigured: true, source: sourceOf(name, options.define(read.values), read.secrets) };
    },
  };
}

function sourceOf(name: string, options: SourceOptions, secrets: string[]): Source {
  const streams = Object.entries(options.streams).map(([streamName, stream]) => ({ ...stream, name: streamName }));
  return {
    name,
    baseUrl: options.baseUrl,
    auth: options.auth ?? noAuth,
    headers: options.headers ?? {},
    query: options.query ?? {},
    conceal: concealing(() => secrets.filter(isLongEnough)),
    allowedOrigins: options.allowedOrigins ?? [],
    timeouts: timeoutsOf(options),
    errors: options.errors ?? [],
    concurrency: options.concurrency ?? 4,
    rateLimit: options.rateLimit ?? { max: 10, perMs: 1_000 },
    retry: options.retry ?? { attempts: 5, initialMs: 1_000, maxMs: 60_000 },
    breaker: options.breaker ?? { failures: 10, openMs: 30_000, maxOpenMs: 600_000 },
    maxThrottleMs: durationMs(options.maxThrottle ?? "1d"),
    streams: streamTable(streams),
  };
}

function timeoutsOf({ timeoutMs = 30_000, timeouts = {} }: SourceOptions): Timeouts {
  const { connectMs = timeoutMs, headersMs = timeoutMs, bodyMs = timeoutMs } = timeouts;
  const totalMs = timeouts.totalMs ?? 4 * Math.max(connectMs, headersMs, bodyMs);
  return { connectMs, headersMs, bodyMs, totalMs };
}

type FieldOf<O extends z.ZodObject> = keyof z.output<O> & string;

export type StreamOptions<O extends z.ZodObject> = {
  /** Makes it a child stream: one that is fetched for each record of another stream of the source. */
  parent?: ParentOptions<ParentFields>;
  /** Appended to the base URL. In a child stream a template, as are `query` and `body`. */
  path: string;
  /** Sent with every request; a parameter of several values, `["open", "closed"]`, is sent that often. */
  query?: Query;
  /** Default `GET`. */
  method?: "GET" | "POST";
  /** Sent as JSON with a `POST`. */
  body?: JsonObject;
  /** Where in the response the records are: a path such as `data.items`, a JSONPath (RFC 9535) such as `$.data[*].item`, or a function. Default: the response is the array. */
  records?: JsonPath | ((body: JsonValue) => JsonValue | undefined);
  /** Output field or fields that identify a record. */
  key: FieldOf<O> | readonly FieldOf<O>[];
  /** Field of the *raw* record that the next run goes on from; without it every run reads everything. */
  cursor?: CursorOptions;
  /** Output field with the time the record is about: for the watermark and for queries by time. */
  eventTime?: FieldOf<O>;
  /** Output field that rises when a record changes; without it the later observation is the newer one. */
  version?: { field: FieldOf<O>; kind: ScalarKind };
  /**
   * What becomes of records that are stored already. `merge` (default): the newest version of each key is kept. `append`: nothing is
   * ever changed, for events, whose key names the `eventTime` too. `replace`: what a run brought takes the place of all there was,
   * at once, when it has succeeded.
   */
  writeMode?: WriteMode;
  /** Default: one request brings all. */
  paginator?: Paginator;
  /** How the API sorts by the cursor field: `asc` oldest first, `desc` newest first. Default `none`. */
  order?: "asc" | "desc" | "none";
  /** Default: runs on demand only. */
  schedule?: Schedule;
  /** A schedule that is due while a run is live: `skip` (default), `queue-one` to follow it, or `supersede` it. */
  overlap?: Overlap;
  /** How long a run may take, e.g. `6h`; it ends `incomplete` then. Default: any time. */
  deadline?: Duration;
  /** How old the last run that succeeded may get, e.g. `15m`, before an alert is raised. Default: any age. */
  freshness?: Duration;
  /** How many dead-lettered records a run may have and still succeed: `20`, or a share as `"5%"`; default `"50%"`. */
  deadLetterBudget?: BudgetOption;
  /**
   * Mark records as deleted that two full runs in a row did not bring; where they are more than this, `100` or a share as `"10%"`,
   * only when somebody has approved. Default: records are never taken for deleted.
   */
  deletions?: BudgetOption;
  /** Keep pages as they came for so long, `30d`, so that `penstock replay` can transform them again. Default: not at all. */
  keepRaw?: Duration;
  /** Columns of the stream's view to index, `"status"`, or several together, `["status", "created_at"]`. */
  indexes?: readonly (string | readonly string[])[];
  /** Index the records' event times, so that they are read in their order, or between two, as fast as by key. Default `false`. */
  indexEventTime?: boolean;
  /**
   * What is done with what arrives and the schema does not say: `evolve`, `discard`, `quarantine` or `freeze`, for all drift or by
   * kind. Default: new fields `evolve`, the rest `quarantine`.
   */
  contract?: ContractOption;
  /** Default 1,000,000. */
  maxPages?: number;
  /** Empty pages in a row with which a run still goes on; default 100. */
  maxEmptyPages?: number;
  /** Largest response body, decompressed; default 320 MiB. One above 8 MiB is read in parts, which needs `records` to be a path. */
  maxBytes?: number;
  /** What is done about which answers, before the source's rules. */
  errors?: readonly ErrorRule[];
  /** Ask whether the first page has changed (ETag, Last-Modified) since the last run that succeeded; default no. */
  conditional?: boolean;
};

type WithTransform<S extends z.ZodType, O extends z.ZodObject> = StreamOptions<O> & {
  schema: S;
  output: O;
  transform: Transform<S, O>;
  parent?: never;
};
type ChildWithTransform<S extends z.ZodType, O extends z.ZodObject, P extends ParentFields> = StreamOptions<O> & {
  schema: S;
  output: O;
  transform: ChildTransform<S, O, P>;
  parent: ParentOptions<P>;
};
type WithoutTransform<S extends z.ZodObject> = StreamOptions<S> & { schema: S; output?: never; transform?: never };

/**
 * Describes one collection of an API. `transform` takes what `schema` gives and returns what `output` takes: none, one or
 * several per record. Without it the records are stored as `schema` gives them.
 */
export function defineStream<S extends z.ZodType, O extends z.ZodObject>(
  options: WithTransform<S, O>,
): StreamDefinition;
export function defineStream<S extends z.ZodType, O extends z.ZodObject, P extends ParentFields>(
  options: ChildWithTransform<S, O, P>,
): StreamDefinition;
export function defineStream<S extends z.ZodObject>(options: WithoutTransform<S>): StreamDefinition;
export function defineStream<S extends z.ZodObject, O extends z.ZodObject, P extends ParentFields>(
  options: WithTransform<S, O> | ChildWithTransform<S, O, P> | WithoutTransform<S>,
): StreamDefinition {
  const special = { key: [options.key].flat(), cursorField: options.cursor?.field };
  const contract = contractOf(options.contract);
  if (options.transform === undefined) {
    return streamOf(options, options.schema, options.schema, convertAsIs(options.schema, special, contract));
  }
  const { schema, output } = options;
  const transform = isChild(options) ? withParent(options.parent.fields, options.transform) : options.transform;
  return streamOf(options, schema, output, convertWith({ schema, output, transform }, special, contract));
}

function isChild<S extends z.ZodType, O extends z.ZodObject, P extends ParentFields>(
  options: WithTransform<S, O> | ChildWithTransform<S, O, P>,
): options is ChildWithTransform<S, O, P> {
  return options.parent !== undefined;
}

function streamOf<O extends z.ZodObject>(
  options: StreamOptions<O>,
  schema: z.ZodType,
  output: z.ZodObject,
  convert: Convert,
): StreamDefinition {
  const isTransformed = schema !== output;
  const { records = "", order = "none" } = options;
  const cursor = options.cursor && cursorOn(options.cursor);
  return {
    parent: options.parent && parentOf(options.parent),
    path: options.path,
    query: options.query ?? {},
    method: options.method ?? "GET",
    body: options.body,
    records: typeof records === "string" ? recordSelector(records) : records,
    recordsPath: typeof records === "string" ? plainPath(records) : undefined,
    errors: options.errors ?? [],
    isConditional: options.conditional ?? false,
    schema,
    output,
    contract: contractOf(options.contract),
    keepRawMs: options.keepRaw === undefined ? undefined : durationMs(options.keepRaw),
    indexes: (options.indexes ?? []).map((columns) => [columns].flat()),
    indexesEventTime: options.indexEventTime ?? false,
    convert,
    key: [options.key].flat(),
    cursor,
    eventTime: options.eventTime,
    version: options.version,
    writeMode: options.writeMode ?? "merge",
    paginator: forStream(options.paginator ?? singlePage(), cursor, order),
    order,
    schedule: options.schedule,
    overlap: options.overlap ?? "skip",
    deadlineMs: options.deadline === undefined ? undefined : durationMs(options.deadline),
    freshnessMs: options.freshness === undefined ? undefined : durationMs(options.freshness),
    deadLetterBudget:
      options.deadLetterBudget === undefined ? defaultBudget : budgetOf("deadLetterBudget", options.deadLetterBudget),
    deletions: options.deletions === undefined ? undefined : budgetOf("deletions", options.deletions),
    isTransformed,
    maxPages: options.maxPages ?? 1_000_000,
    maxEmptyPages: options.maxEmptyPages ?? 100,
    maxBytes: options.maxBytes ?? 320 * 1024 * 1024,
  };
}
