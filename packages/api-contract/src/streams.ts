import { z } from "zod";
import { count, instant, listOf, name, paging, text } from "./fields.ts";
import { run } from "./runs.ts";

export const healths = ["ok", "running", "late", "failing", "paused", "never-run"] as const;

/** Records written per interval, oldest first. */
export const throughput = z.object({
  intervalMs: count,
  points: z.array(z.object({ at: instant, written: count, deadLettered: count })),
});

export const streamSummary = z
  .object({
    source: z.string(),
    stream: z.string(),
    /** Of a child stream, the stream whose records it has a partition for each. */
    parent: z.string().nullable(),
    isPaused: z.boolean(),
    /** False when its source lacks something in its environment, or is defined no more. */
    isDefined: z.boolean(),
    health: z.enum(healths),
    /** Why, for a person: one sentence. */
    healthReason: z.string(),
    freshness: z.object({
      /** Event time of the newest committed record. */
      watermark: instant.nullable(),
      /** Now minus watermark. */
      lagMs: z.int().nullable(),
      lastSuccessAt: instant.nullable(),
      sinceSuccessMs: z.int().nullable(),
      /** How long after its last success the stream is late; `null` where it declares none. */
      objectiveMs: count.nullable(),
    }),
    /** As a person says it, `every 5 min` or `0 3 * * * Europe/Berlin`; `null`: when told to. */
    schedule: z.string().nullable(),
    nextRunAt: instant.nullable(),
    /** What the next run asks from. */
    bound: z.string().nullable(),
    /** Newest first, at most five; without windows of backfills. */
    lastRuns: z.array(run),
    openLetters: count,
    partitions: z.object({ total: count, due: count, failing: count }).nullable(),
    /** The last 24 hours by the hour. */
    sparkline: throughput,
  })
  .meta({ id: "Stream" });

export const streamQuery = z.strictObject({ source: name.optional() });
export const streamList = z.object({ items: z.array(streamSummary) });

export const streamDetail = streamSummary
  .extend({
    /** Columns of its typed view. */
    view: z.string(),
    columns: z.array(z.object({ name: z.string(), type: z.string() })),
    key: z.array(z.string()),
    eventTime: z.string().nullable(),
    cursorField: z.string().nullable(),
    deadLetterBudget: z.string(),
    queueUrl: z.string(),
  })
  .meta({ id: "StreamDetail" });

export const throughputQuery = z.strictObject({
  hours: z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(720))
    .default(24)
    .meta({ description: "How far back, 1 to 720." }),
});

export const source = z
  .object({
    name: z.string(),
    isConfigured: z.boolean(),
    /** What its environment lacks. */
    problems: z.array(z.string()),
    streams: z.array(z.string()),
    breaker: z.enum(["closed", "open", "half-open"]),
    /** When the API may be asked again. */
    heldUntil: instant.nullable(),
    /** Transient failures in a row. */
    failures: count,
    concurrency: count.nullable(),
    rateLimit: z.object({ max: count, perMs: count }).nullable(),
    queueUrl: z.string().nullable(),
  })
  .meta({ id: "Source" });

export const sourceList = z.object({ items: z.array(source) });

export const checkpoint = z
  .object({
    source: z.string(),
    stream: z.string(),
    partition: z.string(),
    bound: z.string().nullable(),
    watermark: instant.nullable(),
    fence: count,
    isPaused: z.boolean(),
    updatedAt: instant,
    /** Of a partition that belongs to a parent: since when it is due, and when it may be tried. */
    dueSince: instant.nullable(),
    nextAttemptAt: instant.nullable(),
    failures: count,
  })
  .meta({ id: "Checkpoint" });

export const checkpointQuery = z.strictObject({
  source: name.optional(),
  stream: name.optional(),
  partition: text.optional(),
  ...paging,
});
export const checkpointList = listOf(checkpoint);
