import type { CursorKind } from "@penstock/core/cursor";
import type { JsonObject, JsonValue } from "@penstock/core/json";
import type { z } from "zod";
import type { Auth } from "./auth.ts";
import type { Paginator } from "./paginator.ts";

/** One upstream API. The unit of isolation: it gets a fetch queue, a rate limit and a circuit of its own. */
export type Source = {
  /** `[a-z][a-z0-9_]*`; part of queue, view and metric names. */
  name: string;
  baseUrl: string;
  auth: Auth;
  headers: Record<string, string>;
  timeoutMs: number;
  /** Requests in flight at once, over all workers. */
  concurrency: number;
  /** At most `max` requests per `perMs`, over all workers. */
  rateLimit: { max: number; perMs: number };
  retry: RetryPolicy;
  streams: Record<string, Stream>;
};

export type RetryPolicy = { attempts: number; initialMs: number; maxMs: number };

export type Stream = {
  name: string;
  /** Appended to the base URL. */
  path: string;
  query: Record<string, string>;
  /** Finds the records in a response body; throws or returns a non-array when it cannot. */
  records: (body: JsonValue) => JsonValue;
  /** Schema of one record as the API sends it. */
  schema: z.ZodType;
  /** Schema of one record as it is stored: gives the typed view its columns. */
  output: z.ZodObject;
  /** From a valid record to none, one or several outputs. Pure: it may run again at any time. */
  transform: (record: never, context: TransformContext) => unknown;
  /** Output fields that identify a record. */
  key: string[];
  cursor: Cursor | undefined;
  /** Output field that holds the event time. */
  eventTime: string | undefined;
  /** Output field that says which of two observations of a record is the newer, and how it is compared. */
  version: { field: string; kind: CursorKind } | undefined;
  paginator: Paginator;
  /** How the API sorts: `asc` by the cursor field lets the bound move page by page. */
  order: "asc" | "none";
  schedule: Schedule | undefined;
  /** Largest share of dead-lettered records, 0…1, with which a run still succeeds. */
  deadLetterBudget: number;
  maxPages: number;
  maxBytes: number;
};

export type TransformContext = { source: string; stream: string; fetchedAt: Date };

/** Where in a *raw* record the value stands that the next run asks for. */
export type Cursor = {
  kind: CursorKind;
  /** The value as cursor text (see `@penstock/core/cursor`), or `null` when the record has none that is usable. */
  of: (record: JsonValue) => string | null;
  /** How far back late records may still appear, in milliseconds (timestamps only). */
  lookbackMs: number;
};

export type Schedule = { everyMs: number } | { cron: string; timezone: string };

export type { JsonObject };
