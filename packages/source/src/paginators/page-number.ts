import type { JsonPath } from "../json-path.ts";
import type { Paginator } from "../paginator.ts";
import { bodyReader, numberIn } from "./body-reader.ts";
import { nextPage } from "./page-number-next.ts";
import { positionSchema, reading } from "./page-number-position.ts";
import { mergeRequests, placed, type RequestPlace } from "./request-place.ts";
import { type Since, sinceRequest, sinceText } from "./since.ts";

export type PageNumberOptions = {
  /** Where the number goes, default query parameter `page`. */
  page?: RequestPlace;
  /** Number of the first page, default 1. */
  firstPage?: number;
  /** Path in the body of the number of pages there are. */
  totalPages?: JsonPath;
  /** Path in the body of the number of records there are. */
  total?: JsonPath;
  /** Path of a flag in the body that is `false` on the last page. */
  hasMore?: JsonPath;
  /** Say so where no record ever leaves its page for an earlier one: half the requests. */
  isStable?: boolean;
  since?: Since;
};

/**
 * Pages by number. What is deleted meanwhile moves records to pages already read, unseen. So, when page *n + 1* was read,
 * page *n* is read again: the record that it ended with must still be its last. Where that stands further up, later records
 * have moved up behind it, and it goes on from there; where it is gone, it steps back a page, ten times over the run at
 * most, and then ends `incomplete` with `OFFSET_SHIFTED`. Where the API tells the number of records, pages are read again
 * only when that has shrunk. Insertions move records to pages still to come and hide nothing, but one that comes together
 * with a deletion hides that.
 *
 * Ends where the number of pages or the flag says so; else on an empty page, since a short one may be the API's cap.
 */
export function pageNumber(options: PageNumberOptions = {}): Paginator {
  const { page: place = { query: "page" }, firstPage = 1, isStable = false, since } = options;
  const totalPages = bodyReader(options.totalPages);
  const total = bodyReader(options.total);
  const hasMore = bodyReader(options.hasMore);
  return {
    kind: "page-number",
    ...(!isStable && { mayHide: true }),
    start: (bound, cursor) =>
      reading({ page: firstPage, since: sinceText(since, bound, cursor), seenTo: firstPage - 1 }),
    request: (position) => {
      const { page, since: text } = positionSchema.parse(position);
      return mergeRequests(sinceRequest(since, text), placed(place, page));
    },
    next: (position, page) => {
      const told = { totalPages: numberIn(totalPages(page)), total: numberIn(total(page)), hasMore: hasMore(page) };
      return nextPage(positionSchema.parse(position), page.keys, {
        ...told,
        firstPage,
        check: isStable ? "never" : options.total === undefined ? "always" : "shrunk",
      });
    },
  };
}
