import { z } from "zod";
import { formatInstant, instantBefore, isoMilliseconds } from "../instant.ts";
import type { NextPage, PageSeen, Paginator } from "../paginator.ts";

export type OffsetOptions = {
  /** Query parameters. */
  offset?: string;
  limit?: string;
  /** Number of the first record: 0, or 1 as SQL and fdsnws count. */
  firstOffset?: 0 | 1;
  pageSize: number;
  /** Query parameter that takes the bound of an incremental run, sent as ISO 8601 in UTC. */
  since?: string;
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
 * which must be two at least.
 *
 * @throws RangeError for a page size below two, which would show the overlap only
 */
export function offset(options: OffsetOptions): Paginator {
  const {
    offset: offsetName = "offset",
    limit: limitName = "limit",
    firstOffset = 0,
    pageSize,
    since: sinceName,
  } = options;
  if (!(pageSize >= 2)) throw new RangeError(`offset paging needs a page size of two at least, not ${pageSize}`);
  return {
    kind: "offset",
    mayHide: true,
    start: (bound) => ({
      offset: firstOffset,
      since: sinceName === undefined ? null : sinceOf(bound),
      anchor: null,
      stepsBack: 0,
    }),
    request: (position) => {
      const { offset, since } = positionSchema.parse(position);
      const query: Record<string, string> = { [limitName]: String(pageSize), [offsetName]: String(offset) };
      if (sinceName !== undefined && since !== null) query[sinceName] = since;
      return { query };
    },
    next: (position, page) => nextPage(positionSchema.parse(position), page, { firstOffset, pageSize }),
  };
}

/** Just before the bound, since the API may or may not include it. */
function sinceOf(bound: string | null): string | null {
  return bound === null ? null : formatInstant(instantBefore(bound, isoMilliseconds), isoMilliseconds);
}

type Extent = { firstOffset: number; pageSize: number };

function nextPage(position: Position, { keys }: Pick<PageSeen, "keys">, extent: Extent): NextPage {
  const { offset, anchor } = position;
  if (anchor !== null && !keys.includes(anchor)) return withoutOverlap(position, keys, extent);
  const last = keys.at(-1);
  const isOverlapAlone = keys.length === 1 && last === anchor;
  if (last === undefined || isOverlapAlone) return { kind: "end" };
  return next({ ...position, offset: offset + keys.length - 1, anchor: last });
}

/** Back a page; from the first record on nothing can be missed, so there it goes on with what it sees. */
function withoutOverlap(position: Position, keys: string[], { firstOffset, pageSize }: Extent): NextPage {
  if (position.stepsBack === maxStepsBack) return { kind: "incomplete", code: "OFFSET_SHIFTED" };
  const stepped = { ...position, stepsBack: position.stepsBack + 1 };
  if (position.offset > firstOffset)
    return {
      kind: "next",
      rereads: true,
      position: { ...stepped, offset: Math.max(firstOffset, position.offset - pageSize + 1) },
    };
  return nextPage({ ...stepped, anchor: null }, { keys }, { firstOffset, pageSize });
}

function next(position: Position): NextPage {
  return { kind: "next", position };
}
