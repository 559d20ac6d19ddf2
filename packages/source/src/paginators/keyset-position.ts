import { z } from "zod";

const formatSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("iso"),
    isWhole: z.boolean(),
    separator: z.enum(["T", " "]),
    zone: z.enum(["Z", "+00:00", ""]),
  }),
  z.object({ kind: z.literal("epoch-seconds"), isWhole: z.boolean() }),
  z.object({ kind: z.literal("epoch-milliseconds") }),
]);

/** Largest cursor seen and the largest below it, how the API writes times, and the size of the largest page seen: what the run knows so far. */
const known = {
  max: z.string().nullable(),
  before: z.string().nullable(),
  format: formatSchema.nullable(),
  largest: z.int(),
};

const walkSchema = z.object({
  phase: z.literal("walk"),
  ...known,
  since: z.string().nullable(),
  limit: z.int(),
  /** Size of the full page that had the limit raised, `null` while it is not raised. */
  fullAt: z.int().nullable(),
});

/** A page of `count` records ended the walk, but the API might have cut it off there. */
const suspicion = {
  /** Smallest and largest cursor of that page. */
  first: z.string(),
  max: z.string(),
  format: formatSchema.nullable(),
  count: z.int(),
  fullAt: z.int().nullable(),
  /** Whether the API is known to give no more than `count` at once. */
  isCap: z.boolean(),
  since: z.string().nullable(),
  limit: z.int(),
};

/**
 * Where a keyset run is:
 *
 * - `look`: it has a bound and looks at two records to see how the API writes times
 * - `walk`: it reads pages
 * - `earlier`: does the API give more than `count` records, from the beginning?
 * - `at`, `beyond`: is there a record later than `max`? Asked from `max`, and where the API includes that, from behind it
 */
export const positionSchema = z.discriminatedUnion("phase", [
  z.object({ phase: z.literal("look"), max: z.string(), limit: z.int() }),
  walkSchema,
  z.object({ phase: z.literal("earlier"), ...suspicion }),
  z.object({ phase: z.literal("at"), ...suspicion }),
  z.object({ phase: z.literal("beyond"), ...suspicion }),
]);

export type Position = z.infer<typeof positionSchema>;
export type Walk = z.infer<typeof walkSchema>;
export type Known = Pick<Walk, "max" | "before" | "format" | "largest">;
export type Probe = Extract<Position, { phase: "earlier" | "at" | "beyond" }>;
