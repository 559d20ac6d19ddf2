import { letterStages, letterStatuses } from "@penstock/core/letter";
import { z } from "zod";
import { count, givenInstant, instant, listOf, name, paging, text } from "./fields.ts";
import { mostLettersAtOnce } from "./most-letters.ts";

export const letterSummary = z
  .object({
    id: z.string(),
    source: z.string(),
    stream: z.string(),
    partition: z.string(),
    stage: z.enum(letterStages),
    kind: z.enum(["request", "page", "record"]),
    status: z.enum(letterStatuses),
    /** Of the record, where it has one; of a request, its cursor. */
    key: z.string().nullable(),
    code: z.string(),
    message: z.string(),
    /** Path of the offending field, `properties.mag`. */
    path: z.string().nullable(),
    runId: z.string(),
    seq: count,
    traceId: z.string().nullable(),
    /** Times it was met. */
    attempts: count,
    /** Times it was put back. */
    redrives: count,
    observedAt: instant,
    firstSeenAt: instant,
    lastSeenAt: instant,
  })
  .meta({ id: "DeadLetter" });

export const letterDetail = letterSummary
  .extend({
    /** The raw record, the raw items of the page, or the request; as text when it is no JSON. */
    payload: z.json(),
    /** What to do about the code. */
    remedy: z.string(),
    /** Of the job in Bull Board, while the queue mirrors the letter. */
    queueUrl: z.string().nullable(),
  })
  .meta({ id: "DeadLetterDetail" });

const filter = {
  source: name.optional(),
  stream: name.optional(),
  code: z
    .string()
    .regex(/^[A-Z_]{1,64}$/)
    .optional(),
  stage: z.enum(letterStages).optional(),
  run: text.optional().meta({ description: "Last met in this run." }),
  since: givenInstant.optional().meta({ description: "Last met at or after this." }),
  text: text.optional().meta({ description: "Part of the message, the key or the payload." }),
};

const anyStatus = z.enum([...letterStatuses, "any"]);

export const letterQuery = z.strictObject({
  ...filter,
  status: anyStatus.default("open"),
  ...paging,
});

export const letterList = listOf(letterSummary);

export const letterId = z.object({ letter: text });

export const letterGroupQuery = z.strictObject({
  source: name.optional(),
  stream: name.optional(),
  status: anyStatus.default("open"),
});

/** Letters of one stream, stage, code and path. */
export const letterGroups = z.object({
  items: z.array(
    z.object({
      source: z.string(),
      stream: z.string(),
      stage: z.enum(letterStages),
      code: z.string(),
      path: z.string().nullable(),
      letters: count,
      firstSeenAt: instant,
      lastSeenAt: instant,
      /** One of them, the newest. */
      exampleId: z.string(),
      exampleMessage: z.string(),
      /** What to do about the code. */
      remedy: z.string(),
    }),
  ),
});

/** Which open letters to act on: those of the ids, or all that the filter fits, oldest first. */
export const letterChoice = z
  .strictObject({
    ids: z.array(text).min(1).max(1_000).optional(),
    ...filter,
    limit: z.int().min(1).max(mostLettersAtOnce).default(1_000),
    /** Says what would be done, and does nothing. */
    dryRun: z.boolean().default(false),
    /** For the audit log. */
    reason: text.optional(),
  })
  .refine((choice) => Object.keys(choice).some((key) => !["limit", "dryRun", "reason"].includes(key)), {
    message: "say which: ids, source, stream, code, stage, run, since or text",
  });

/** `matched`: how many letters the choice fits; `letters`: the first hundred of them. */
export const letterActionResult = z.object({
  dryRun: z.boolean(),
  matched: count,
  /** Put back or discarded; 0 of a dry run. */
  done: count,
  letters: z.array(letterSummary),
});
