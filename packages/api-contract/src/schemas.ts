import { contractActions, driftKinds } from "@penstock/core/drift";
import { z } from "zod";
import { count, instant, limitOf, name } from "./fields.ts";

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
    kind: z.enum(driftKinds),
    /** Types and lengths only: values may be secret. Empty where there is none. */
    expected: z.string(),
    received: z.string(),
    /** What the stream's contract does about it. */
    action: z.enum(contractActions),
    records: count,
    firstSeenAt: instant,
    lastSeenAt: instant,
  })
  .meta({ id: "Drift" });

export const driftQuery = z.strictObject({ source: name, stream: name, limit: limitOf(1_000, 100) });

/** Latest first. */
export const driftList = z.object({ items: z.array(drift) });
