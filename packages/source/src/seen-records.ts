import { contentHash } from "@penstock/core/hash";
import type { JsonValue } from "@penstock/core/json";
import type { Stream } from "./model.ts";
import type { PageSeen } from "./paginator.ts";
import { bestEffortKey } from "./transform.ts";

/** What paginators are told of a page's records. */
export type SeenRecords = Pick<PageSeen, "items" | "cursors" | "rawCursors" | "keys">;

export function seeRecords(stream: Stream, items: JsonValue[]): SeenRecords {
  const seen: SeenRecords = { items, cursors: [], rawCursors: [], keys: [] };
  for (const item of items) noteRecord(stream, item, seen);
  return seen;
}

/** Adds all but the record itself. */
export function noteRecord(stream: Stream, item: JsonValue, { cursors, rawCursors, keys }: SeenRecords): void {
  cursors.push(stream.cursor?.of(item) ?? null);
  rawCursors.push(stream.cursor?.raw(item));
  keys.push(bestEffortKey(stream, item) ?? contentHash(JSON.stringify(item)));
}
