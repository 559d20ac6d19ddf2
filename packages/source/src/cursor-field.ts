import type { CursorKind, ScalarKind } from "@penstock/core/cursor";
import type { JsonValue } from "@penstock/core/json";
import { storable } from "@penstock/core/storable";
import { type Duration, durationMs } from "./duration.ts";
import { instantOf, withZone } from "./instant.ts";
import { type JsonPath, jsonPathReader } from "./json-path.ts";
import type { Cursor, Zone } from "./model.ts";

export type CursorOptions = {
  /** Path of the field in a raw record. */
  field: JsonPath;
  /** Default `timestamp`. */
  kind?: ScalarKind;
  /** Further fields that the API sorts by where the first is equal. */
  thenBy?: readonly { field: JsonPath; kind: ScalarKind }[];
  /** What times that are written without a zone are in; without it they are refused (`CURSOR_INVALID`). */
  zone?: Zone;
  /**
   * Whether the API, asked from a value, gives the records that equal it. For texts only; default `exclusive`, which
   * loses nothing with either kind of API and reads some records again.
   */
  boundary?: "inclusive" | "exclusive";
  /** How far back late records may still appear; default not at all. */
  lookback?: Duration;
};

export function cursorOn(options: CursorOptions): Cursor {
  const { field, kind = "timestamp", thenBy = [], zone, boundary = "exclusive", lookback = "0s" } = options;
  const raw = jsonPathReader(field);
  const first = (record: JsonValue) => zonedText(kind, raw(record), zone);
  const rest = thenBy.map((next) => {
    const read = jsonPathReader(next.field);
    return { kind: next.kind, of: (record: JsonValue) => zonedText(next.kind, read(record), zone) };
  });
  const of = rest.length === 0 ? first : compoundOf([{ kind, of: first }, ...rest]);
  const cursorKind: CursorKind = rest.length === 0 ? kind : "compound";
  const kinds = [kind, ...thenBy.map((next) => next.kind)];
  return { field, kind: cursorKind, kinds, boundary, zone, raw, of, lookbackMs: durationMs(lookback) };
}

type Part = { kind: ScalarKind; of: (record: JsonValue) => string | null };

function compoundOf(parts: readonly Part[]): (record: JsonValue) => string | null {
  return (record) => {
    const values = parts.map(({ kind, of }) => {
      const text = of(record);
      return kind === "number" && text !== null ? Number(text) : text;
    });
    return values.includes(null) ? null : JSON.stringify(values);
  };
}

function zonedText(kind: ScalarKind, value: JsonValue | undefined, zone: Zone | undefined): string | null {
  return cursorText(kind, kind === "timestamp" ? withZone(value, zone) : value);
}

/**
 * A value as cursor text (see `@penstock/core/cursor`), or `null` when it is none of that kind. A text that no database takes as it
 * is – with NUL, or half a surrogate pair – is none: as a bound it would be another one.
 */
export function cursorText(kind: ScalarKind, value: unknown): string | null {
  if (kind === "timestamp") return instantOf(value);
  if (kind === "number") return typeof value === "number" && Number.isFinite(value) ? String(value) : null;
  return typeof value === "string" && value !== "" && storable(value) === value ? value : null;
}
