import type { Budget, DeadLetterBudget } from "@penstock/core/budget";
import type { CursorKind, ScalarKind } from "@penstock/core/cursor";
import type { Contract, Drift } from "@penstock/core/drift";
import type { JsonObject, JsonValue } from "@penstock/core/json";
import type { ParentValues } from "@penstock/core/partition";
import type { WriteMode } from "@penstock/core/record";
import type { BreakerPolicy } from "@penstock/core/source-state";
import type { z } from "zod";
import type { Auth } from "./auth.ts";
import type { Conceal } from "./conceal.ts";
import type { ErrorRule } from "./error-rules.ts";
import type { JsonPath } from "./json-path.ts";
import type { Paginator } from "./paginator.ts";

/** One upstream API. The unit of isolation: it gets a fetch queue and a rate limit of its own. */
export type Source = {
  /** `[a-z][a-z0-9_]*`; part of queue, view and metric names. */
  name: string;
  baseUrl: string;
  auth: Auth;
  /** Sent with every request to the base URL's origin, and to no other. */
  headers: Record<string, string>;
  query: Record<string, string>;
  /** Takes the values of variables that are called as secrets are out of a text, wherever the definition put them. */
  conceal: Conceal;
  /** Origins that links and redirects may lead to. They get no credentials, headers or body. */
  allowedOrigins: string[];
  timeouts: Timeouts;
  /** Looked at after a stream's own, and before the defaults. */
  errors: readonly ErrorRule[];
  /** Requests in flight at once, over all workers. */
  concurrency: number;
  /** At most `max` requests per `perMs`, over all workers. */
  rateLimit: { max: number; perMs: number };
  retry: RetryPolicy;
  /** When to stop asking an API that is down, over all workers. */
  breaker: BreakerPolicy;
  /** The longest pause the API may ask for; one that asks for more fails the run. */
  maxThrottleMs: number;
  streams: Record<string, Stream>;
};

/** Parameters by name; one of several values is sent that often. */
export type Query = Record<string, string | string[]>;

export type Timeouts = {
  /** Longest wait for a connection. */
  connectMs: number;
  /** … for the headers of the response. */
  headersMs: number;
  /** … for the next piece of its body. */
  bodyMs: number;
  /** … for all of it, redirects included: ends a body that drips for ever. */
  totalMs: number;
};

export type RetryPolicy = { attempts: number; initialMs: number; maxMs: number };

export type Stream = {
  /** `[a-z][a-z0-9_]*` */
  name: string;
  /** Of a child stream: the stream whose records it has a partition for each. Its path, query and body are templates. */
  parent: Parent | undefined;
  /** Appended to the base URL. */
  path: string;
  query: Query;
  method: "GET" | "POST";
  /** Sent as JSON, with what the paginator adds. In a child stream its texts are templates. */
  body: JsonObject | undefined;
  /** Finds the records in a response body; whatever it returns that is no array is `SELECTOR_MISSED`. */
  records: (body: JsonValue) => JsonValue | undefined;
  /** Where they are, so that a large body need not be held whole; `undefined` when only `records` knows. `""`: the body itself. */
  recordsPath: JsonPath | undefined;
  errors: readonly ErrorRule[];
  /** Whether a run asks first whether anything has changed. */
  isConditional: boolean;
  /** Schema of one record as the API sends it. */
  schema: z.ZodType;
  /** Schema of one record as it is stored: gives the typed view its columns. */
  output: z.ZodObject;
  /** What is done with what the schema does not say. */
  contract: Contract;
  /** How long its pages are kept as they came, to be replayed; `undefined` for not at all. */
  keepRawMs: number | undefined;
  /** Columns of its view that are indexed, each list together. */
  indexes: readonly (readonly string[])[];
  /** Whether the event times of its records are. */
  indexesEventTime: boolean;
  /** From a raw item to what is stored of it. */
  convert: Convert;
  /** Output fields that identify a record. */
  key: string[];
  cursor: Cursor | undefined;
  /** Output field that holds the event time. */
  eventTime: string | undefined;
  /** Output field that says which of two observations of a record is the newer, and how it is compared. */
  version: { field: string; kind: ScalarKind } | undefined;
  writeMode: WriteMode;
  paginator: Paginator;
  /**
   * How the API sorts by the cursor field: `asc` lets the bound move page by page, `desc` ends a run at what is older
   * than its bound.
   */
  order: "asc" | "desc" | "none";
  schedule: Schedule | undefined;
  /** What a tick does that finds a live run: nothing, one more run after it, or a new one in its place. */
  overlap: Overlap;
  /** How long a run may take; `undefined` for any time. */
  deadlineMs: number | undefined;
  /** How old the last run that succeeded may get before the stream counts as stale; `undefined` where nobody minds. */
  freshnessMs: number | undefined;
  /** How many dead-lettered records a run may have and still succeed. */
  deadLetterBudget: DeadLetterBudget;
  /** How many records may be found gone at once without somebody being asked; `undefined` where deletions are not detected. */
  deletions: Budget | undefined;
  /** Whether what is stored is made by the source's own function, so that the key of an item is not that of what it would become. */
  isTransformed: boolean;
  maxPages: number;
  /** Empty pages in a row that name a next page. */
  maxEmptyPages: number;
  /** Largest response body, decompressed. */
  maxBytes: number;
};

/**
 * Validates an item by schema and contract, transforms it and validates each output.
 * The types of schema, transform and output meet in here, so that nothing outside needs to know them.
 *
 * @throws InvalidRecordError `RECORD_INVALID`, `FIELD_UNEXPECTED`, `KEY_MISSING`, `CURSOR_INVALID`, `TRANSFORM_FAILED` or
 * `OUTPUT_INVALID`
 * @throws PermanentError `SCHEMA_FROZEN`
 */
export type Convert = (item: JsonValue, context: ConvertContext) => Converted;

/**
 * No outputs when the transform made none on purpose, or the contract discards such records. `extra`: what of the item the schema
 * does not have and the contract keeps, by path.
 */
export type Converted = { outputs: Output[]; extra: JsonObject | undefined };

/** A validated output: JSON, but for fields that are `undefined`, which are not stored. */
export type Output = { readonly [field: string]: unknown };

export type TransformContext = { source: string; stream: string; fetchedAt: Date };

/** `parent`: what a child stream takes from its parent's record; empty in other streams. `onDrift` is told of all drift. */
export type ConvertContext = TransformContext & { parent: ParentValues; onDrift: (drift: Drift) => void };

export type Parent = {
  /** Name of a stream of the same source. */
  stream: string;
  /** Output fields of the parent that the child uses. */
  fields: string[];
  /** Their values in a record of the parent; `undefined` when it lacks one: it has no children then. */
  valuesOf: (record: JsonValue) => ParentValues | undefined;
  /** Which parents of a run have their children fetched again: those that it inserted or changed, or all it saw. */
  refresh: "changed" | "every-run";
};

/** Where in a *raw* record the value stands that the next run asks for. */
export type Cursor = {
  /** Path of the field, `properties.updated`; of several, the first. */
  field: string;
  kind: CursorKind;
  /** Of its fields, first to last. */
  kinds: readonly ScalarKind[];
  /** Whether the API gives the records that equal a bound it is asked from. Matters for texts, which have no value before them. */
  boundary: "inclusive" | "exclusive";
  /** What times without a zone are in; `undefined` where they are refused. */
  zone: Zone | undefined;
  /** The value as cursor text (see `@penstock/core/cursor`), or `null` when the record has none that is usable. */
  of: (record: JsonValue) => string | null;
  /** The value as the API wrote it. */
  raw: (record: JsonValue) => JsonValue | undefined;
  /** How far back late records may still appear, in milliseconds (timestamps only). */
  lookbackMs: number;
};

/** `UTC`, or an offset such as `+02:00`. */
export type Zone = "UTC" | `${"+" | "-"}${number}:${number}`;

/** `jitterMs`: runs start up to so much later, each stream always by the same time. */
export type Schedule = { everyMs: number } | { cron: string; timezone: string; jitterMs?: number };

export type Overlap = "skip" | "queue-one" | "supersede";
