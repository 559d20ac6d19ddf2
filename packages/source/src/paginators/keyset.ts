import type { InstantFormat } from "../instant.ts";
import { formatInstant, instantBefore } from "../instant.ts";
import type { Paginator } from "../paginator.ts";
import { nextPosition } from "./keyset-next.ts";
import { type Position, positionSchema, walkFrom } from "./keyset-position.ts";

export type KeysetOptions = {
  /** Query parameter for the time to go on from. */
  since?: string;
  /** Query parameter for the page size. */
  limit?: string;
  pageSize: number;
  /**
   * The largest page the API gives, where it is known. Then no request asks for more, and a page shorter than its limit
   * is known to be complete, which saves requests and settles what could not be told otherwise.
   */
  maxPageSize?: number;
  /** How the API writes times. Without it, a run that starts from a bound looks at two records first to see. */
  format?: InstantFormat;
};

/**
 * Pages by the cursor itself (`since` and `limit`) through a collection sorted by it, oldest first. The cursor must be a
 * timestamp. Loses nothing, whether the API includes the records of `since` or not, however many records share one time,
 * and whatever page size the API allows:
 *
 * - Each request asks from the instant *before* the largest cursor seen, at the resolution the API writes. So both kinds
 *   of API give the records of that instant again, among them those that did not fit into the page before.
 * - While pages move the largest cursor on, it goes on from there. A short page is not the end: it may be the API's cap.
 * - A *full* page that does not move it holds only records that share one time: the limit doubles until one moves it or
 *   is not full.
 * - A page that neither moves it nor is full is the end, if the API is known to give more records at once than these.
 *   Known it is from a larger page seen in this run, or else by asking: one record more than these, from the beginning.
 * - If the beginning shows no more than these either, it asks for what lies beyond their time. If something does, the
 *   API has cut them off at its cap and nothing can bring out the rest: `CURSOR_STUCK`.
 *
 * What no request can settle is a collection whose every record has one and the same time: is that all, or the API's cap?
 * When the number of records is a limit that was asked for, a cap is likely: `CURSOR_STUCK`. Else it is taken for all, and
 * is found out by the rule above as soon as the API has a record of another time. `maxPageSize` settles it at once.
 */
export function keyset(options: KeysetOptions): Paginator {
  const { since = "since", limit = "limit", maxPageSize, format } = options;
  const pageSize = Math.min(options.pageSize, maxPageSize ?? options.pageSize);
  return {
    kind: "keyset",
    start: (bound) => startPosition(bound, pageSize, format),
    request: (position) => ({ query: queryOf(positionSchema.parse(position), since, limit) }),
    next: (position, page) => nextPosition(positionSchema.parse(position), page, { pageSize, maxPageSize }),
    remark: (position) => remarkOn(positionSchema.parse(position), pageSize),
  };
}

function startPosition(bound: string | null, pageSize: number, format: InstantFormat | undefined): Position {
  if (bound !== null && format === undefined) return { phase: "look", max: bound, limit: 2 };
  const start = walkFrom({ max: bound, format: format ?? null, largest: 0 }, pageSize);
  return bound === null || format === undefined ? start : { ...start, since: instantBefore(bound, format) };
}

function queryOf(position: Position, sinceName: string, limitName: string): Record<string, string> {
  const query: Record<string, string> = { [limitName]: String(position.limit) };
  if ("since" in position && position.since !== null && position.format !== null) {
    query[sinceName] = formatInstant(position.since, position.format);
  }
  return query;
}

function remarkOn(position: Position, pageSize: number): string | undefined {
  if (position.phase !== "walk" || position.limit <= pageSize) return undefined;
  return `the limit was raised to ${position.limit} since ${position.fullAt} or more records share the time ${position.max}`;
}
