import type { ParentValue } from "@penstock/core/partition";
import type { z } from "zod";
import type { Parent } from "./model.ts";

/** The parent's output fields that a child uses, with their types: `z.object({ number: z.int() })`, or the parent's output `.pick({ number: true })`. */
export type ParentFields = z.ZodObject<Readonly<Record<string, z.ZodType<ParentValue>>>>;

export type ParentOptions<P extends ParentFields> = {
  /** Name of the parent, a stream of the same source. */
  stream: string;
  fields: P;
  /**
   * Which records of the parent have their children fetched again when the parent's stream has run: those that are new or
   * changed (the default), or all that the run saw.
   */
  refresh?: "changed" | "every-run";
};

export function parentOf({ stream, fields, refresh = "changed" }: ParentOptions<ParentFields>): Parent {
  return {
    stream,
    fields: Object.keys(fields.shape),
    valuesOf: (record) => {
      const parsed = fields.safeParse(record);
      return parsed.success ? parsed.data : undefined;
    },
    refresh,
  };
}
