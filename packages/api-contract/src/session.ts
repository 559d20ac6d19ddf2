import { auditedActions } from "@penstock/core/audit";
import { z } from "zod";
import { count, instant, listOf, paging } from "./fields.ts";
import { scopes } from "./route.ts";

/**
 * Who asks. `open`: a process that needs no key, since only this machine can reach it. `caller` is `null` when a key is needed
 * and none, or none that holds, was given.
 */
export const session = z
  .object({
    caller: z
      .object({
        kind: z.enum(["open", "key", "session"]),
        /** Of the key. */
        name: z.string(),
        scope: z.enum(scopes),
        expiresAt: instant.nullable(),
      })
      .nullable(),
    version: z.string(),
    /** Where Bull Board is. */
    queuesUrl: z.string(),
  })
  .meta({ id: "Session" });

/** The browser hands its key over once, for a cookie that scripts cannot read. */
export const loginBody = z.strictObject({ key: z.string().min(1).max(256) });

export const auditEntry = z
  .object({
    id: z.string(),
    at: instant,
    /** `api:<name of the key>` or `cli:<user>@<host>`. */
    actor: z.string(),
    action: z.enum(auditedActions),
    target: z.string(),
    reason: z.string().nullable(),
    details: z.record(z.string(), z.json()),
  })
  .meta({ id: "AuditEntry" });

export const auditQuery = z.strictObject({
  action: z.enum(auditedActions).optional(),
  target: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .meta({ description: "What it was done to: a stream, a run, a key, a queue.", examples: ["usgs.earthquakes"] }),
  ...paging,
});
export const auditList = listOf(auditEntry);

export const queue = z
  .object({
    name: z.string(),
    waiting: count,
    active: count,
    delayed: count,
    failed: count,
    /** In Bull Board. */
    url: z.string(),
  })
  .meta({ id: "Queue" });

export const queueList = z.object({ items: z.array(queue) });
