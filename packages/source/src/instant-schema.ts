import { z } from "zod";
import { instantOf } from "./instant.ts";

/**
 * Schema of a time as APIs write it – ISO 8601, without a zone taken as UTC, or an epoch number in seconds or milliseconds
 * – which gives ISO text in UTC to the millisecond.
 */
export function instant() {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    const text = instantOf(value);
    if (text !== null) return text;
    context.addIssue({ code: "custom", message: "a time (ISO 8601 or an epoch number)" });
    return z.NEVER;
  });
}
