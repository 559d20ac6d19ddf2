import type { InstantFormat } from "../instant.ts";
import type { CursorShape, Paginator } from "../paginator.ts";
import { nextPosition, type Paging, walkFrom } from "./keyset-next.ts";
import { type Position, positionSchema } from "./keyset-position.ts";
import { timestampShape, valueTexts } from "./keyset-value.ts";

export type KeysetOptions = {
  /** Query parameter for the value to go on from; for a cursor of several fields one for each. */
  since?: string | readonly string[];
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
 * Pages by the cursor itself (`since` and `limit`) through a collection sorted by it, smallest first: a time, a number, a text
 * or several of these. Loses nothing, whether the API includes the records of `since` or not, however many records share one
 * value, and whatever page size the API allows:
 *
 * - Each request asks from the value *before* the largest cursor seen, at the resolution the API writes. So both kinds
 *   of API give the records of that value again, among them those that did not fit into the page before. Of a text nobody
 *   knows the value before it: the cursor's `boundary` says whether to ask from the text itself, or from the one seen before.
 * - While pages move the largest cursor on, it goes on from there. A short page is not the end: it may be the API's cap.
 * - A *full* page that does not move it holds only records that share one value: the limit doubles until one moves it or
 *   is not full.
 * - A page that neither moves it nor is full is the end, if the API is known to give more records at once than these.
 *   Known it is from a larger page seen in this run, or else by asking: one record more than these, from the beginning.
 * - If the beginning shows no more than these either, it asks for what lies beyond their value. If something does, the
 *   API has cut them off at its cap and nothing can bring out the rest: `CURSOR_STUCK`. So it is where nothing can be asked
 *   for: behind a text that the API includes.
 *
 * What no request can settle is a collection whose every record has one and the same value: is that all, or the API's cap?
 * When the number of records is a limit that was asked for, a cap is likely: `CURSOR_STUCK`. Else it is taken for all, and
 * is found out by the rule above as soon as the API has a record of another value. `maxPageSize` settles it at once.
 *
 * @throws RangeError when it is given a cursor that has not as many fields as `since` has names
 */
export function keyset(options: KeysetOptions): Paginator {
  return keysetBy(timestampShape, options);
}

function keysetBy(shape: CursorShape, options: KeysetOptions): Paginator {
  const { since = "since", limit = "limit", maxPageSize } = options;
  const names = [since].flat();
  const paging: Paging = { shape, maxPageSize, pageSize: Math.min(options.pageSize, maxPageSize ?? options.pageSize) };
  return {
    kind: "keyset",
    forCursor: (cursor) => {
      if (cursor.kinds.length === names.length) return keysetBy(cursor, options);
      throw new RangeError(
        `keyset: expected as many parameters as the cursor has fields, ${cursor.kinds.length}, received since: ${names.join(", ")}`,
      );
    },
    start: (bound) => startPosition(bound, paging, options.format),
    request: (position) => ({ query: queryOf(positionSchema.parse(position), shape, { names, limit }) }),
    next: (position, page) => nextPosition(positionSchema.parse(position), page, paging),
    remark: (position) => remarkOn(positionSchema.parse(position), paging.pageSize),
  };
}

/** A bound that is a text is one value behind already, where the API leaves out the records that equal it. */
function startPosition(bound: string | null, paging: Paging, format: InstantFormat | undefined): Position {
  const isFormatUnknown = paging.shape.kinds.includes("timestamp") && format === undefined;
  if (bound !== null && isFormatUnknown) return { phase: "look", max: bound, limit: 2 };
  return walkFrom({ max: bound, before: bound, format: format ?? null, largest: 0 }, paging);
}

type Names = { names: readonly string[]; limit: string };

function queryOf(position: Position, shape: CursorShape, { names, limit }: Names): Record<string, string> {
  const query: Record<string, string> = { [limit]: String(position.limit) };
  if (!("since" in position) || position.since === null) return query;
  for (const [i, text] of valueTexts(position.since, position.format, shape).entries()) {
    const name = names[i];
    if (name !== undefined) query[name] = text;
  }
  return query;
}

function remarkOn(position: Position, pageSize: number): string | undefined {
  if (position.phase !== "walk" || position.limit <= pageSize) return undefined;
  return `the limit was raised to ${position.limit} since ${position.fullAt} or more records share the cursor value ${position.max}`;
}
