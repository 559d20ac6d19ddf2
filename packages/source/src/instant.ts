import type { JsonValue } from "@penstock/core/json";
import type { Zone } from "./model.ts";

/**
 * How an API writes its times, so that `since` can be sent the way the API itself writes. `isWhole`: seconds without a
 * fraction, so that its resolution is a second.
 */
export type InstantFormat =
  | { kind: "iso"; isWhole: boolean; separator: "T" | " "; zone: "Z" | "+00:00" | "" }
  | { kind: "epoch-seconds"; isWhole: boolean }
  | { kind: "epoch-milliseconds" };

/** ISO 8601 in UTC to the millisecond, as cursors and bounds are written. */
export const isoMilliseconds: InstantFormat = { kind: "iso", isWhole: false, separator: "T", zone: "Z" };

const isoPattern = /^\d{4}-\d{2}-(\d{2})(?:([T ])\d{2}:\d{2}(?::\d{2}(?:\.(\d+))?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
/** A time that exists, written as `toISOString` does: as most are, so that nothing need be computed for them. Days behind the 28th are left to others. */
const plainPattern =
  /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

// Years 1 to 9999: what ISO writes with four digits, so that texts sort as their instants do, but for the year 0, which Postgres does not
// have, and which stands for no date where APIs write it.
export const firstInstantMs = -62_135_596_800_000;
const lastMs = 253_402_300_799_999;
// Seconds up to the year 5138 are below it, milliseconds since 1973 above.
const millisecondsFrom = 1e11;

/**
 * A time as APIs write it, as UTC ISO text to the millisecond (finer digits are cut off), or `null` when it is none.
 *
 * Understood are ISO 8601 dates and times – without a zone they are taken as UTC – and epoch numbers: from 1e11 on
 * milliseconds, below seconds, with or without a fraction.
 */
export function instantOf(value: unknown): string | null {
  if (typeof value === "string" && plainPattern.test(value)) return value;
  const ms = instantMs(value);
  return ms === null ? null : new Date(ms).toISOString();
}

/** {@link instantOf} in milliseconds since 1970. */
export function instantMs(value: unknown): number | null {
  const ms = typeof value === "number" ? epochMs(value) : typeof value === "string" ? isoMs(value) : Number.NaN;
  return ms >= firstInstantMs && ms <= lastMs ? ms : null;
}

function epochMs(value: number): number {
  return Math.floor(Math.abs(value) >= millisecondsFrom ? value : value * 1_000);
}

function isoMs(text: string): number {
  const match = isoPattern.exec(text);
  if (match === null) return Number.NaN;
  const [, day, separator, , zone] = match;
  const hasZone = zone !== undefined || separator === undefined;
  const ms = Date.parse(hasZone ? text : `${text}Z`);
  return isRealDay(text, Number(day)) ? ms : Number.NaN;
}

/** A time that is written without a zone, in `zone`; `undefined` where none is given. A date alone is in UTC then. Other values as they are. */
export function withZone(value: JsonValue | undefined, zone: Zone | undefined): JsonValue | undefined {
  if (typeof value !== "string" || plainPattern.test(value)) return value;
  const match = isoPattern.exec(value);
  if (match === null || match[4] !== undefined || zone === "UTC") return value;
  if (match[2] === undefined) return zone === undefined ? value : `${value}T00:00:00${zone}`;
  return zone === undefined ? undefined : `${value}${zone}`;
}

/** `Date.parse` takes February 30 for March 2. */
function isRealDay(text: string, day: number): boolean {
  return day <= 28 || new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCDate() === day;
}

/** How a time is written, or `null` when it is none. A zone other than UTC is not kept: UTC means the same. */
export function instantFormatOf(value: unknown): InstantFormat | null {
  if (typeof value === "string" && plainPattern.test(value)) return isoMilliseconds;
  if (instantMs(value) === null) return null;
  if (typeof value === "number") {
    return Math.abs(value) >= millisecondsFrom
      ? { kind: "epoch-milliseconds" }
      : { kind: "epoch-seconds", isWhole: Number.isInteger(value) };
  }
  const [, , separator, fraction, zone] = isoPattern.exec(String(value)) ?? [];
  return {
    kind: "iso",
    isWhole: fraction === undefined,
    separator: separator === " " ? " " : "T",
    zone: zone === undefined && separator !== undefined ? "" : zone === "+00:00" ? "+00:00" : "Z",
  };
}

/** The finer of two ways to write times; the second where they are of different kinds. */
export function finerFormat(a: InstantFormat | null, b: InstantFormat): InstantFormat {
  const isFiner = a !== null && a.kind === b.kind && "isWhole" in a && "isWhole" in b && !a.isWhole && b.isWhole;
  return isFiner ? { ...b, isWhole: false } : b;
}

/** The instant before `instant` at the format's resolution: a millisecond, or a second. Both as ISO text. */
export function instantBefore(instant: string, format: InstantFormat): string {
  const ms = Date.parse(instant);
  const hasWholeSeconds = "isWhole" in format && format.isWhole;
  const before = hasWholeSeconds ? (Math.ceil(ms / 1_000) - 1) * 1_000 : ms - 1;
  return new Date(Math.max(before, firstInstantMs)).toISOString();
}

/** The instant after `instant` at the format's resolution. */
export function instantAfter(instant: string, format: InstantFormat): string {
  const ms = Date.parse(instant);
  const hasWholeSeconds = "isWhole" in format && format.isWhole;
  const after = hasWholeSeconds ? (Math.floor(ms / 1_000) + 1) * 1_000 : ms + 1;
  return new Date(Math.min(after, lastMs)).toISOString();
}

/** `instant` (ISO text) in another format; a format of whole seconds cuts the rest off. */
export function formatInstant(instant: string, format: InstantFormat): string {
  const ms = Date.parse(instant);
  if (format.kind === "epoch-milliseconds") return String(ms);
  if (format.kind === "epoch-seconds") return format.isWhole ? String(Math.floor(ms / 1_000)) : (ms / 1_000).toFixed(3);
  const digits = format.isWhole ? instant.slice(0, 19) : instant.slice(0, 23);
  return `${digits.replace("T", format.separator)}${format.zone}`;
}
