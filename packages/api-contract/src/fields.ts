import { z } from "zod";

/*
 * What requests and responses have in common. Queries arrive as text: their numbers and flags are read from it.
 */

/** An instant: ISO 8601 in UTC, to the millisecond. */
export const instant = z.iso.datetime().meta({ examples: ["2026-01-31T12:00:00.000Z"] });

/** A number of things. */
export const count = z.int().nonnegative();

/** A name of a source or stream. */
export const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/)
  .max(64);

export const streamName = z.object({ source: name, stream: name });

/** An opaque place in a listing: given out in `next`, to be handed back as it is. */
export const cursor = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[A-Za-z0-9_-]+$/);

/** Postgres has no place for NUL in a text. */
export const text = z
  .string()
  .min(1)
  .max(1_024)
  .regex(/^[^\0]*$/);

/** An instant of a request, with any offset; not of the year 0, which Postgres knows not. */
export const givenInstant = z.iso
  .datetime({ offset: true })
  .regex(/^(?!0000)/)
  .transform((given) => new Date(given))
  .meta({ type: "string", format: "date-time", examples: ["2026-01-31T12:00:00Z"] });

/** A list that goes on where `next` says, or ends with `null`. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: cursor.nullable() });
}

const wholeNumber = z
  .string()
  .regex(/^\d{1,6}$/)
  .transform(Number);

/** How many items of a list to give, of which there may be no more than `max`. */
export function limitOf(max: number, usual: number) {
  return wholeNumber
    .pipe(z.int().min(1).max(max))
    .default(usual)
    .meta({ description: `At most this many items: 1 to ${max}, usually ${usual}.` });
}

export const flag = z.enum(["true", "false"]).transform((given) => given === "true");

/** What every list takes. */
export const paging = {
  after: cursor.optional().meta({ description: "`next` of the page before." }),
  limit: limitOf(1_000, 100),
};
