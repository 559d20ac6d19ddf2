import { z } from "zod";
import { count, cursor, flag, givenInstant, instant, listOf, name, paging, text } from "./fields.ts";
import { letterSummary } from "./letters.ts";

export const comparisons = ["eq", "ne", "lt", "lte", "gt", "gte", "in", "contains", "exists"] as const;
export type Comparison = (typeof comparisons)[number];

const fieldPath = z.string().regex(/^[A-Za-z_$@][\w$@-]{0,127}(\.[\w$@-]{1,128}){0,7}$/);

/** `field:comparison:value`, several in one query: all must hold. */
const condition = z
  .string()
  .max(1_024)
  .regex(/^[A-Za-z_$@][\w$@-]*(\.[\w$@-]+)*:(eq|ne|lt|lte|gt|gte|in|contains|exists):[^\0]*$/)
  .meta({ examples: ["magnitude:gte:5", "place:contains:Chile", "type:in:quake,blast", "felt:exists:true"] });

export const record = z
  .object({
    source: z.string(),
    stream: z.string(),
    key: z.string(),
    /** Event time, where the stream declares one. */
    ts: instant.nullable(),
    /** The output, or the fields of it that were asked for. */
    data: z.record(z.string(), z.json()),
    /** How often its content was written: 1 is as first seen. */
    revision: count,
    observedAt: instant,
    firstSeenAt: instant,
    updatedAt: instant,
    deletedAt: instant.nullable(),
    /** The run and page that brought this content. */
    runId: z.string(),
    seq: count,
    schemaVersion: z.string(),
  })
  .meta({ id: "Record" });

const oneOrMany = <T extends z.ZodType<string, string>>(item: T, max: number) =>
  z
    .union([item.transform((one) => [one]), z.array(item).max(max)])
    .default([])
    .meta({ type: "array" });

const recordFilter = {
  source: name.optional(),
  stream: name.optional().meta({ description: "Together with `source`." }),
  key: oneOrMany(text, 100).meta({ description: "Only records of these keys." }),
  from: givenInstant.optional().meta({ description: "Only records with an event time at or after this." }),
  to: givenInstant.optional().meta({ description: "Only records with an event time before this." }),
  where: oneOrMany(condition, 10).meta({
    description:
      "`field:comparison:value`, several of which must all hold. Nested fields are separated by points. Comparisons: eq, ne, lt, lte, gt, gte, in (values separated by commas), contains (part of a text), exists (true or false). A value that reads as a JSON number, true, false or null is compared as such, anything else, or what stands in double quotes, as text.",
  }),
  fields: z
    .string()
    .max(2_048)
    .transform((list) => list.split(","))
    .pipe(z.array(fieldPath).max(64))
    .optional()
    .meta({ description: "Fields of `data` to give, separated by commas; all unless given." }),
  deleted: flag
    .optional()
    .meta({ description: "`true`: only deleted records. Without it, only those that are there." }),
};

export const recordQuery = z.strictObject({
  ...recordFilter,
  order: z
    .enum(["key", "ts", "-ts"])
    .default("key")
    .meta({ description: "By source, stream and key; or by event time, upward or downward, within one stream." }),
  ...paging,
});

export const recordList = listOf(record);

export const recordName = z.object({ source: name, stream: name, key: text });

/** Something that happened to a record, as far as it is still known. */
const recordEvent = z.object({
  at: instant,
  kind: z.enum(["first-seen", "changed", "deleted", "dead-lettered"]),
  runId: z.string().nullable(),
  seq: count.nullable(),
  /** Of a dead letter. */
  letterId: z.string().nullable(),
});

/** A record with where it came from and what is known to have happened to it. */
export const recordDetail = record
  .extend({
    version: z.string().nullable(),
    hash: z.string(),
    lineage: z.object({
      runId: z.string(),
      seq: count,
      /** `null` when the run was pruned. */
      runStatus: z.string().nullable(),
      runStartedAt: instant.nullable(),
      pageCommittedAt: instant.nullable(),
      schemaVersion: z.string(),
    }),
    history: z.array(recordEvent),
    letters: z.array(letterSummary),
  })
  .meta({ id: "RecordDetail" });

export const changeQuery = z.strictObject({
  source: name.optional(),
  stream: name.optional(),
  after: cursor.optional().meta({ description: "`next` of the call before; without it, from the first change." }),
  start: z
    .enum(["first", "now"])
    .default("first")
    .meta({ description: "Where to begin without `after`: with the first change, or with those to come." }),
  limit: paging.limit,
});

const change = z
  .object({ change: z.enum(["added", "updated", "deleted"]), changedAt: instant, record })
  .meta({ id: "Change" });

/** `next` is always there: who has all changes asks with it again later. */
export const changeList = z.object({ items: z.array(change), next: cursor, isCaughtUp: z.boolean() });
