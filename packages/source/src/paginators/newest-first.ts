import { type CursorKind, compareCursors } from "@penstock/core/cursor";
import { z } from "zod";
import type { Cursor, Stream } from "../model.ts";
import type { PageSeen, Paginator } from "../paginator.ts";
import { endingUpTo } from "./up-to.ts";

const positionSchema = z.object({
  /** What is older than it was seen by an earlier run; `null` in a run that reads everything. */
  until: z.string().nullable(),
  inner: z.record(z.string(), z.json()),
});

/**
 * A paginator that knows the stream's cursor and order.
 *
 * @throws RangeError for a cursor that the paginator cannot page by
 */
export function forStream(paginator: Paginator, cursor: Cursor | undefined, order: Stream["order"]): Paginator {
  if (cursor === undefined) return paginator;
  const suited = paginator.forCursor?.(cursor) ?? paginator;
  if (order === "desc") return newestFirst(suited, cursor);
  const knowing: Paginator = { ...suited, start: (bound, _cursor, upTo) => suited.start(bound, cursor, upTo) };
  return order === "asc" && suited.endsAnywhere !== true ? endingUpTo(knowing, cursor.kind) : knowing;
}

/**
 * A paginator through a collection that is sorted by the cursor, newest first. It ends at a *whole* page older than the
 * run's bound minus the lookback: a single older record may be one that is pinned on top, or out of place.
 */
function newestFirst(paginator: Paginator, cursor: Cursor): Paginator {
  return {
    ...paginator,
    start: (bound) => ({ until: untilOf(bound, cursor), inner: paginator.start(bound, cursor) }),
    request: (position) => paginator.request(positionSchema.parse(position).inner),
    ...(paginator.remark && { remark: (position) => paginator.remark?.(positionSchema.parse(position).inner) }),
    next: (position, page) => {
      const { until, inner } = positionSchema.parse(position);
      if (until !== null && isOlder(page, until, cursor.kind)) return { kind: "end" };
      const next = paginator.next(inner, page);
      return next.kind === "next" ? { ...next, position: { until, inner: next.position } } : next;
    },
  };
}

function untilOf(bound: string | null, { kind, lookbackMs }: Cursor): string | null {
  if (bound === null || kind !== "timestamp") return bound;
  return new Date(Date.parse(bound) - lookbackMs).toISOString();
}

function isOlder({ cursors }: PageSeen, until: string, kind: CursorKind): boolean {
  return cursors.length > 0 && cursors.every((value) => value !== null && compareCursors(kind, value, until) < 0);
}
