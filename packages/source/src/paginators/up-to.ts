import { type CursorKind, compareCursors } from "@penstock/core/cursor";
import { z } from "zod";
import type { PageSeen, Paginator } from "../paginator.ts";

const positionSchema = z.object({ upTo: z.string(), inner: z.record(z.string(), z.json()) });

/**
 * A paginator through a collection that is sorted by the cursor, oldest first, whose runs may be told where to end: behind the first
 * page that has a record from there. Runs that go to the end are as they were.
 */
export function endingUpTo(paginator: Paginator, kind: CursorKind): Paginator {
  const { remark } = paginator;
  const bounded = (position: Parameters<Paginator["next"]>[0]) => positionSchema.safeParse(position).data;
  return {
    ...paginator,
    start: (bound, cursor, upTo) => {
      const inner = paginator.start(bound, cursor);
      return upTo === undefined ? inner : { upTo, inner };
    },
    request: (position) => paginator.request(bounded(position)?.inner ?? position),
    ...(remark && { remark: (position) => remark(bounded(position)?.inner ?? position) }),
    next: (position, page) => {
      const known = bounded(position);
      if (known === undefined) return paginator.next(position, page);
      if (reaches(page, known.upTo, kind)) return { kind: "end" };
      const next = paginator.next(known.inner, page);
      return next.kind === "next" ? { ...next, position: { ...known, inner: next.position } } : next;
    },
  };
}

function reaches({ cursors }: PageSeen, upTo: string, kind: CursorKind): boolean {
  return cursors.some((value) => value !== null && compareCursors(kind, value, upTo) >= 0);
}
