import { z } from "zod";
import { account } from "./account.ts";
import { count, instant, name, text } from "./fields.ts";

const states = ["running", "succeeded", "failed", "cancelled"] as const;

export const backfill = z
  .object({
    id: z.string(),
    source: z.string(),
    stream: z.string(),
    from: z.string(),
    to: z.string(),
    status: z.enum(states),
    windows: z.object({ total: count, done: count, running: count, failed: count }),
    account,
    startedAt: instant,
    endedAt: instant.nullable(),
    recordsPerSecond: z.number().nonnegative().nullable(),
    remainingMs: count.nullable(),
  })
  .meta({ id: "Backfill" });

export const backfillList = z.object({ items: z.array(backfill) });
export const backfillId = z.object({ backfill: text });

export const backfillBody = z.strictObject({
  source: name,
  stream: name,
  from: z.iso.datetime({ offset: true }),
  to: z.iso.datetime({ offset: true }),
  /** Width of a window, `1d`, `6h`. */
  partition: z
    .string()
    .regex(/^\d{1,4}(ms|s|m|h|d|w)$/)
    .default("1d"),
  /** Windows at once. */
  parallel: z.int().min(1).max(64).default(4),
  reason: text.optional(),
});

/** A full run that would delete more than its stream allows waits for somebody to decide. */
export const deletion = z
  .object({
    /** Of the run that found them gone. */
    id: z.string(),
    source: z.string(),
    stream: z.string(),
    records: count,
    /** Of the stream's records. */
    share: z.number().min(0).max(1),
    foundAt: instant,
    /** Some of their keys. */
    sample: z.array(z.string()),
  })
  .meta({ id: "Deletion" });

export const deletionList = z.object({ items: z.array(deletion) });
export const deletionId = z.object({ deletion: text });
