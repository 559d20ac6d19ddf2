import { compoundParts } from "@penstock/core/cursor";
import type { CursorShape, PageRequest } from "../paginator.ts";
import { type TimeFormat, timeBefore, timeText } from "../time-format.ts";
import { placed, placeOf, type RequestPlace } from "./request-place.ts";

/** Where a run's bound goes: the name of a query parameter, or another place, with the way times are written. */
export type Since = string | (RequestPlace & { format?: TimeFormat });

/**
 * The bound as the API is to be asked from, `null` when there is nothing to ask from. Of a time or a number it is the one
 * before, since the API may or may not include it; of a text it is the bound itself (one that the API excludes was held
 * back when it was made). Of several fields it is the first.
 */
export function sinceText(since: Since | undefined, bound: string | null, cursor?: CursorShape): string | null {
  if (since === undefined || bound === null) return null;
  const format = typeof since === "string" ? "iso" : (since.format ?? "iso");
  if (cursor?.kind !== "compound") return before(bound, cursor?.kind ?? "timestamp", format);
  const [first = ""] = compoundParts(bound);
  return before(String(first), cursor.kinds[0] ?? "string", format);
}

function before(bound: string, kind: "timestamp" | "number" | "string", format: TimeFormat): string {
  if (kind === "timestamp") return timeText(timeBefore(Date.parse(bound), format), format);
  return kind === "number" ? String(Number(bound) - 1) : bound;
}

/** What a request carries for it. */
export function sinceRequest(since: Since | undefined, text: string | null): PageRequest {
  if (since === undefined || text === null) return {};
  return placed(placeOf(since), text);
}
