import { z } from "zod";
import { count, instant, listOf, name, paging } from "./fields.ts";

/** An output schema that a stream had. */
export const schemaVersion = z
  .object({
    source: z.string(),
    stream: z.string(),
    fingerprint: z.string(),
    firstSeenAt: instant,
    jsonSchema: z.record(z.string(), z.json()),
  })
  .meta({ id: "SchemaVersion" });

export const schemaQuery = z.strictObject({ source: name.optional(), stream: name.optional() });

/** Newest first within a stream. */
export const schemaList = z.object({ items: z.array(schemaVersion) });

/** What arrived otherwise than the stream's schema says. */
export const drift = z
  .object({
    source: z.string(),
    stream: z.string(),
    path: z.string(),
    /** `new-field`, `missing-field`, `changed-type`, `new-enum-value`. */
    kind: z.string(),
    expected: z.string().nullable(),
    received: z.string().nullable(),
    /** What the stream's contract does about it. */
    action: z.string(),
    records: count,
    firstSeenAt: instant,
    lastSeenAt: instant,
  })
  .meta({ id: "Drift" });

export const driftQuery = z.strictObject({ source: name.optional(), stream: name.optional(), ...paging });
export const driftList = listOf(drift);
