import { ConfigError } from "@penstock/core/errors";
import { z } from "zod";

/*
 * Cursors say where a list goes on, and are opaque: JSON as base64url. Whoever makes one up gets a list that begins elsewhere, and
 * nothing that they may not see.
 */

export function writeCursor(place: object): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/**
 * @throws ConfigError `REQUEST_INVALID` for what is no cursor of this list
 */
export function readCursor<T extends z.ZodType>(place: T, cursor: string | undefined): z.output<T> | undefined {
  if (cursor === undefined) return undefined;
  const read = place.safeParse(parsed(cursor));
  if (read.success) return read.data;
  throw new ConfigError("REQUEST_INVALID", "after is no cursor of this list", {
    path: "after",
    expected: "what the page before gave as `next`",
    remedy: "begin again without `after`",
    cause: read.error,
  });
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    // Not even JSON: refused by the schema like any other that does not fit.
    return undefined;
  }
}

/** An instant within a cursor. */
export const placeAt = z.iso.datetime().transform((text) => new Date(text));
/** A text within a cursor, as the database takes it. */
export const placeText = z
  .string()
  .max(2_048)
  .regex(/^[^\0]*$/);
