import { runStatuses } from "@penstock/core/run";
import { z } from "zod";
import { account } from "./account.ts";
import { count, instant, listOf, name, paging, text } from "./fields.ts";

export const runModes = ["incremental", "full", "backfill"] as const;

export const run = z
  .object({
    id: z.string(),
    source: z.string(),
    stream: z.string(),
    /** `live`; of a child stream `parent:<key>`; of a backfill `backfill:<id>:<window>`. */
    partition: z.string(),
    mode: z.enum(runModes),
    status: z.enum(runStatuses),
    startedAt: instant,
    endedAt: instant.nullable(),
    /** Until now, of a run that is under way. */
    durationMs: count,
    pages: count,
    account,
    /** The bound it started from. */
    boundAtStart: z.string().nullable(),
    /** Highest page of the committed prefix; -1 before the first. */
    committedSeq: z.int().min(-1),
    errorCode: z.string().nullable(),
    errorMessage: z.string().nullable(),
  })
  .meta({ id: "Run" });

export const runQuery = z.strictObject({
  source: name.optional(),
  stream: name.optional(),
  partition: text.optional(),
  status: z.enum(runStatuses).optional(),
  mode: z.enum(runModes).optional(),
  ...paging,
});

/** Newest first. */
export const runList = listOf(run);

export const runId = z.object({ run: text });

export const runDetail = run
  .extend({
    fence: count,
    /** By the API's own clock. */
    apiStartedAt: instant.nullable(),
    /** What to do about `errorCode`. */
    remedy: z.string().nullable(),
    openLetters: count,
    /** Its jobs in Bull Board. */
    queueUrl: z.string(),
  })
  .meta({ id: "RunDetail" });

/** One page on the timeline: asked for at `observedAt`, in the database at `committedAt`. */
export const page = z
  .object({
    seq: count,
    observedAt: instant,
    committedAt: instant,
    cursorIn: z.string(),
    cursorOut: z.string().nullable(),
    isLast: z.boolean(),
    /** Whether it belongs to the committed prefix. */
    isInPrefix: z.boolean(),
    endCode: z.string().nullable(),
    contentHash: z.string(),
    account,
  })
  .meta({ id: "Page" });

/** By number. */
export const pageList = listOf(page);
export const pageQuery = z.strictObject(paging);

export const startRunBody = z.strictObject({
  source: name,
  stream: name,
  /** `full` starts from the beginning instead of the checkpoint. */
  mode: z.enum(["incremental", "full"]).default("incremental"),
  reason: text.optional(),
});

/** `isNew` is false when a run of the stream was under way already; then that is the one. */
export const startedRun = z.object({ run, isNew: z.boolean() });

export const reasonBody = z.strictObject({ reason: text.optional() });
