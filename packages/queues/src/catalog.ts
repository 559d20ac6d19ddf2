import { windowOf } from "@penstock/core/partition";
import { z } from "zod";

/*
 * Every job there is: which queue it goes to, what it carries, how big it may be, how long it is kept. Nothing else in
 * the program names a queue or builds job options. Attempts and backoff are the worker's; see WorkerOptions.
 */

const cursorPosition = z.record(z.string(), z.json());

/**
 * Items of a page on their way to the transformer: inline, zstd-compressed JSON as base64, or in the table `payloads`.
 */
const pagePayload = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("inline"), zstd: z.string() }),
  z.object({ kind: z.literal("stored"), sizeBytes: z.number() }),
]);

const runIdentity = {
  runId: z.string(),
  source: z.string(),
  stream: z.string(),
  partition: z.string(),
  fence: z.number(),
};

/** The page's trace, from the span that handed the job on, and the span that started the run: W3C traceparents. */
const trace = { traceparent: z.string().optional(), runTraceparent: z.string().optional() };

/** In a child stream: what the run takes from its parent's record. */
const parentValues = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional();

/** The hash before, an older one, and how many came since that: see the pipeline's loop guard. */
const trail = z.object({ last: z.string(), mark: z.string(), age: z.number(), limit: z.number() });

const loopGuard = z.object({
  positions: trail,
  contents: trail.nullable(),
  emptyPages: z.number(),
  /** Whether the page of this job may be one that was read already. */
  isReread: z.boolean(),
});

const payloads = {
  tick: z.object({
    source: z.string(),
    stream: z.string(),
    mode: z.enum(["incremental", "full"]).default("incremental"),
    /** Not at once but so much later. */
    delayMs: z.number().optional(),
  }),
  fetch: z.object({
    ...runIdentity,
    parent: parentValues,
    seq: z.number(),
    position: cursorPosition,
    ...trace,
    guard: loopGuard.optional(),
    /** The request was answered already, by page `seq` on, and the answer stored in parts: go on with this one. */
    answer: z.object({ hash: z.string(), seq: z.number(), part: z.number() }).optional(),
  }),
  transform: z.object({
    ...runIdentity,
    parent: parentValues,
    seq: z.number(),
    cursorIn: z.string(),
    cursorOut: z.string().nullable(),
    isLast: z.boolean(),
    /** With `isLast`: why the run saw not everything; `null` when it did. */
    incompleteCode: z.string().nullable(),
    contentHash: z.string(),
    /** Database clock before the GET, ISO. */
    observedAt: z.string(),
    count: z.number(),
    items: pagePayload,
    /** Of a first page, for the next run to ask with. */
    validator: z.string().optional(),
    traceparent: trace.traceparent,
  }),
  redrive: z.object({ letterId: z.string(), redrives: z.number() }),
};

export type JobType = keyof typeof payloads;
export type JobPayloads = { [T in JobType]: z.infer<(typeof payloads)[T]> };

export const tickQueue = "tick";
export const transformQueue = "transform";
export const deadLetterQueue = "dead-letter";
export const fetchQueue = (source: string): string => `fetch.${source}`;

export type JobDefinition<T extends JobType> = {
  payload: z.ZodType<JobPayloads[T]>;
  queue(payload: JobPayloads[T]): string;
  /** Of the payload as JSON text. */
  sizeLimitBytes: number;
  /**
   * How long a completed job is kept, so that its id still turns away a second one. It saves work only. Each kept job
   * costs its payload in memory, hence few of the big ones. Backends on Postgres keep none: its clean-up by count
   * deadlocks under load.
   */
  keepCompleted: { count: number; ageSeconds: number };
};

const kilobyte = 1024;

export const catalog: { [T in JobType]: JobDefinition<T> } = {
  /** Starts a run. Tiny on purpose: a job of a Job Scheduler never fails by stalling. */
  tick: {
    payload: payloads.tick,
    queue: () => tickQueue,
    sizeLimitBytes: 4 * kilobyte,
    keepCompleted: { count: 50, ageSeconds: 3_600 },
  },
  /** Fetches page `seq` of a run. */
  fetch: {
    payload: payloads.fetch,
    queue: ({ source }) => fetchQueue(source),
    sizeLimitBytes: 64 * kilobyte,
    keepCompleted: { count: 2_000, ageSeconds: 3_600 },
  },
  /** Validates, transforms and commits page `seq` of a run. */
  transform: {
    payload: payloads.transform,
    queue: () => transformQueue,
    sizeLimitBytes: 512 * kilobyte,
    keepCompleted: { count: 200, ageSeconds: 3_600 },
  },
  /** Puts a dead letter through the transform again. */
  redrive: {
    payload: payloads.redrive,
    queue: () => transformQueue,
    sizeLimitBytes: 4 * kilobyte,
    keepCompleted: { count: 200, ageSeconds: 3_600 },
  },
};

/** Of 0 (first) up. Windows of a backfill wait while there is work of any other kind. */
export function priorityOf(payload: unknown): number {
  const isOfRun = typeof payload === "object" && payload !== null && "partition" in payload;
  return isOfRun && windowOf(String(payload.partition)) !== undefined ? 1 : 0;
}

export const jobTypes: readonly JobType[] = ["tick", "fetch", "transform", "redrive"];

export function isJobType(name: string): name is JobType {
  return Object.hasOwn(catalog, name);
}
