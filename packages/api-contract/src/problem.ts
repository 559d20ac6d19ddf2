import { z } from "zod";

/** What every failed request is answered with, as `application/problem+json` (RFC 9457). */
export const problem = z
  .object({
    /** `urn:penstock:error:<code>` */
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    /** Listed in docs/errors.md. */
    code: z.string(),
    /** What to do about it. */
    remedy: z.string(),
    /** Of a request that does not fit its schema: where, and why. */
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: "Problem" });

export type Problem = z.infer<typeof problem>;
