import { z } from "zod";

/** First and last key that a page showed; `null` when it was empty. */
const edgesSchema = z.object({ first: z.string(), last: z.string() });
const common = {
  page: z.int(),
  since: z.string().nullable(),
  stepsBack: z.int(),
  /** Last page read so far. */
  seenTo: z.int(),
};
const readingSchema = z.object({
  phase: z.literal("read"),
  ...common,
  /** Of the page before; `null` where that need not be looked at again. */
  before: edgesSchema.nullable(),
  /** Number of records there were at the page before. */
  total: z.number().nullable(),
});

/**
 * - `read`: it reads page `page`
 * - `check`: it looks for the record that page `page`, or one behind it, ended with. If all is well it goes on with page
 *   `resume`, or ends where that is `null`
 */
export const positionSchema = z.discriminatedUnion("phase", [
  readingSchema,
  z.object({
    phase: z.literal("check"),
    ...common,
    edges: edgesSchema,
    resume: readingSchema.nullable(),
  }),
]);

export type Position = z.infer<typeof positionSchema>;
export type Reading = z.infer<typeof readingSchema>;
export type Checking = Extract<Position, { phase: "check" }>;
export type Edges = z.infer<typeof edgesSchema>;

export function reading(known: Pick<Reading, "page" | "since" | "seenTo"> & Partial<Reading>): Reading {
  return { stepsBack: 0, before: null, total: null, ...known, phase: "read" };
}

export function edgesOf(keys: string[]): Edges | null {
  const first = keys[0];
  const last = keys.at(-1);
  return first === undefined || last === undefined ? null : { first, last };
}
