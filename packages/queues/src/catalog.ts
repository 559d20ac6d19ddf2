import { z } from "zod";

/*
 * Every job there is: which queue it goes to, what it carries, how long it is kept. Nothing else in the program names a
 * queue or builds job options. Attempts and backoff of fetch jobs are the source's own; see WorkerOptions.
 */

const cursorPosition = z.record(z.string(), z.json());

/** Items of a page on their way to the transformer: inline, zstd-compressed JSON as base64, or in the table `payloads`. */
export const pagePayload = z.discriminatedUnion("kind", [
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

export const catalog = {
  /** Starts a run. Tiny on purpose: a job of a Job Scheduler never fails by stalling. */
  tick: z.object({ source: z.string(), stream: z.string() }),
  /** Fetches page `seq` of a run. */
  fetch: z.object({ ...runIdentity, seq: z.number(), position: cursorPosition }),
  /** Validates, transforms and commits page `seq` of a run. */
  transform: z.object({
    ...runIdentity,
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
    traceparent: z.string().optional(),
  }),
  /** Puts a dead letter through the transform again. */
  redrive: z.object({ letterId: z.string(), redrives: z.number() }),
} as const;

export type JobType = keyof typeof catalog;
export type JobPayloads = { [T in JobType]: z.infer<(typeof catalog)[T]> };

export const tickQueue = "tick";
export const transformQueue = "transform";
export const deadLetterQueue = "dead-letter";
export const fetchQueue = (source: string): string => `fetch.${source}`;
