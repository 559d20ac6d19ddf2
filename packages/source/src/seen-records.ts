import { contentHash } from "@penstock/core/hash";
import type { JsonValue } from "@penstock/core/json";
import type { Stream } from "./model.ts";
import type { PageSeen } from "./paginator.ts";
import { bestEffortKey } from "./transform.ts";

/** What paginators are told of a page's records. */
export type SeenRecords = Pick<PageSeen, "items" | "cursors" | "rawCursors" | "keys">;

/** Keys are read when they are asked for: few paginators do, and reading them takes longer than the rest. */
export function seeRecords(stream: Stream, items: JsonValue[]): SeenRecords {
  let keys: string[] | undefined;
  return {
    items,
    cursors: items.map((item) => cursorOf(stream, item)),
    rawCursors: items.map((item) => rawCursorOf(stream, item)),
    get keys() {
      keys ??= items.map((item) => identityOf(stream, item));
      return keys;
    },
  };
}

/** Adds all but the record itself. */
export function noteRecord(stream: Stream, item: JsonValue, { cursors, rawCursors, keys }: SeenRecords): void {
  cursors.push(cursorOf(stream, item));
  rawCursors.push(rawCursorOf(stream, item));
  keys.push(identityOf(stream, item));
}

const cursorOf = ({ cursor }: Stream, item: JsonValue) => cursor?.of(item) ?? null;
const rawCursorOf = ({ cursor }: Stream, item: JsonValue) => cursor?.raw(item);
const identityOf = (stream: Stream, item: JsonValue) =>
  bestEffortKey(stream, item) ?? contentHash(JSON.stringify(item));
