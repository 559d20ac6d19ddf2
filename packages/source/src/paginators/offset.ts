import { z } from "zod";
import type { JsonPath } from "../json-path.ts";
import type { NextPage, PageSeen, Paginator } from "../paginator.ts";
import { bodyReader, numberIn } from "./body-reader.ts";
import { mergeRequests, placed, placeOf, type RequestPlace } from "./request-place.ts";
import { type Since, sinceRequest, sinceText } from "./since.ts";

export type OffsetOptions = {
  /** Where they go: the name of a query parameter, or another place. Default query parameters `offset` and `limit`. */
  offset?: string | RequestPlace;
  limit?: string | RequestPlace;
  /** Number of the first record: 0, or 1 as SQL and fdsnws count. */
  firstOffset?: 0 | 1;
  pageSize: number;
  /** Path in the body of the number of records there are, which must be exact. */
  total?: JsonPath;
  since?: Since;
};

const maxStepsBack = 3;

const positionSchema = z.object({
  offset: z.int(),
  /** What the run asks for, fixed at its start. */
  since: z.string().nullable(),
  /** Key of the record that the page before ended with: this page must show it again. */
  anchor: z.string().nullable(),
  /** Steps back so far, over the run. */
  stepsBack: z.int(),
});
type Position = z.infer<typeof positionSchema>;

/**
 * Pages by offset and limit. The collection may change meanwhile: a deletion before the offset moves records to pages
 * already read, unseen. So pages overlap by one record. Where the page does not show the last record of the page before,
 * it steps back a page, three times over the run at most, and then ends `incomplete` with `OFFSET_SHIFTED`. An insertion
 * moves records the other way: the overlap stands further on in the page, and what precedes it is read once more.
 *
 * Ends on a page with nothing but the overlap. A page shorter than the limit is not the end: it may be the API's cap,
 * which must be two at least. Where the API tells the number of records, a short page that comes to it is the end, and one with
 * nothing new before it ends the run `incomplete` with `NEXT_MISSING`: the API stops giving before it has given all.
 *
 * @throws RangeError for a page size below two, which would show the overlap only
 */
export function offset(options: OffsetOptions): Paginator {
  const { offset: offsetPlace = "offset", limit: limitPlace = "limit", firstOffset = 0, pageSize, since } = options;
  if (!(pageSize >= 2)) throw new RangeError(`offset paging needs a page size of two at least, not ${pageSize}`);
  const total = bodyReader(options.total);
  return {
    kind: "offset",
    mayHide: true,
    start: (bound, cursor) => ({
      offset: firstOffset,
      since: sinceText(since, bound, cursor),
      anchor: null,
      stepsBack: 0,
    }),
    request: (position) => {
      const { offset, since: text } = positionSchema.parse(position);
      const limited = placed(placeOf(limitPlace), pageSize);
      return mergeRequests(limited, placed(placeOf(offsetPlace), offset), sinceRequest(since, text));
    },
    next: (position, page) =>
      nextPage(positionSchema.parse(position), page, { firstOffset, pageSize, total: numberIn(total(page)) }),
  };
}

type Extent = { firstOffset: number; pageSize: number; total: number | undefined };

function nextPage(position: Position, { keys }: Pick<PageSeen, "keys">, extent: Extent): NextPage {
  const { offset, anchor } = position;
  if (anchor !== null && !keys.includes(anchor)) return withoutOverlap(position, keys, extent);
  const last = keys.at(-1);
  const isOverlapAlone = keys.length === 1 && last === anchor;
  const left = leftBehind(position, keys, extent);
  if (last === undefined || isOverlapAlone)
    return left !== undefined && left > 0 ? { kind: "incomplete", code: "NEXT_MISSING" } : { kind: "end" };
  // A full page that comes to the total goes on: some APIs count no further than they give.
  if (left !== undefined && left <= 0 && keys.length < extent.pageSize) return { kind: "end" };
  return next({ ...position, offset: offset + keys.length - 1, anchor: last });
}

/** How many records there are behind the page, where the API tells. */
function leftBehind({ offset }: Position, keys: string[], { firstOffset, total }: Extent): number | undefined {
  return total === undefined ? undefined : total - (offset - firstOffset + keys.length);
}

/** Back a page; from the first record on nothing can be missed, so there it goes on with what it sees. */
function withoutOverlap(position: Position, keys: string[], extent: Extent): NextPage {
  const { firstOffset, pageSize } = extent;
  if (position.stepsBack === maxStepsBack) return { kind: "incomplete", code: "OFFSET_SHIFTED" };
  const stepped = { ...position, stepsBack: position.stepsBack + 1 };
  if (position.offset > firstOffset)
    return {
      kind: "next",
      rereads: true,
      position: { ...stepped, offset: Math.max(firstOffset, position.offset - pageSize + 1) },
    };
  return nextPage({ ...stepped, anchor: null }, { keys }, extent);
}

function next(position: Position): NextPage {
  return { kind: "next", position };
}
