import type { CursorKind } from "@penstock/core/cursor";
import { type Duration, durationMs } from "./duration.ts";
import { instantOf } from "./instant.ts";
import { type JsonPath, jsonPathReader } from "./json-path.ts";
import type { Cursor } from "./model.ts";

export type CursorOptions = {
  /** Path of the field in a raw record. */
  field: JsonPath;
  /** Default `timestamp`. */
  kind?: CursorKind;
  /** How far back late records may still appear; default not at all. */
  lookback?: Duration;
};

export function cursorOn({ field, kind = "timestamp", lookback = "0s" }: CursorOptions): Cursor {
  const raw = jsonPathReader(field);
  return { field, kind, raw, of: (record) => cursorText(kind, raw(record)), lookbackMs: durationMs(lookback) };
}

/** A value as cursor text (see `@penstock/core/cursor`), or `null` when it is none of that kind. */
export function cursorText(kind: CursorKind, value: unknown): string | null {
  if (kind === "timestamp") return instantOf(value);
  if (kind === "number") return typeof value === "number" && Number.isFinite(value) ? String(value) : null;
  return typeof value === "string" && value !== "" ? value : null;
}
