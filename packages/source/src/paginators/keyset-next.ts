import { laterCursor } from "@penstock/core/cursor";
import { PermanentError } from "@penstock/core/errors";
import { finerFormat, type InstantFormat, instantAfter, instantFormatOf, isoMilliseconds } from "../instant.ts";
import type { NextPage, PageSeen } from "../paginator.ts";
import { type Position, type Probe, type Walk, walkFrom } from "./keyset-position.ts";

export type PageSizes = { pageSize: number; maxPageSize: number | undefined };

/**
 * What a page leads to; the reasons stand at `keyset`.
 *
 * @throws PermanentError `CURSOR_STUCK`, `CURSOR_MISSING` or `ORDER_VIOLATED`. Not `incomplete`: in a stream that is
 * sorted the bound would move with this page, past what it hides.
 */
export function nextPosition(position: Position, page: PageSeen, sizes: PageSizes): NextPage {
  if (position.phase === "look") return afterLook(position.max, page, sizes);
  if (position.phase === "walk") return afterWalk(position, page, sizes);
  return afterProbe(position, page);
}

function afterLook(bound: string, page: PageSeen, { pageSize }: PageSizes): NextPage {
  if (page.items.length === 0) return { kind: "end" };
  const format = formatOf(page, null) ?? isoMilliseconds;
  return next(walkFrom({ max: bound, format, largest: page.items.length }, pageSize));
}

function afterWalk(walk: Walk, page: PageSeen, sizes: PageSizes): NextPage {
  const count = page.items.length;
  if (count === 0) return { kind: "end" };
  const format = formatOf(page, walk.format);
  const pageMax = page.cursors.reduce((max, cursor) => laterCursor("timestamp", max, cursor), null);
  if (format === null || pageMax === null) throw cursorMissing(page);
  const isFull = count >= walk.limit;
  if (isFull && !isAscending(page.cursors)) throw orderViolated(walk.limit);

  if (!isFull && sizes.maxPageSize !== undefined) return { kind: "end" };
  const max = walk.max !== null && walk.max >= pageMax ? walk.max : pageMax;
  if (max !== walk.max) return next(walkFrom({ max, format, largest: Math.max(walk.largest, count) }, sizes.pageSize));
  if (isFull) return next(grow(walk, count, max, sizes));
  if (walk.largest > count) return { kind: "end" };
  const first = page.cursors.reduce((min: string, cursor) => (cursor !== null && cursor < min ? cursor : min), max);
  return next({ phase: "earlier", first, max, format, count, fullAt: walk.fullAt, since: null, limit: count + 1 });
}

/** Asks for the same once more with twice the limit. */
function grow(walk: Walk, count: number, max: string, { maxPageSize = Number.POSITIVE_INFINITY }: PageSizes): Walk {
  if (walk.limit >= maxPageSize) throw cursorStuck(max, count);
  return { ...walk, limit: Math.min(2 * count, maxPageSize), largest: Math.max(walk.largest, count), fullAt: count };
}

function afterProbe(probe: Probe, page: PageSeen): NextPage {
  const { max, format, count } = probe;
  const isThere = (matches: (cursor: string) => boolean) =>
    page.cursors.some((cursor) => cursor !== null && matches(cursor));
  if (probe.phase === "earlier") {
    if (page.items.length !== count) return { kind: "end" };
    const isSamePage = isThere((cursor) => cursor >= max) && !isThere((cursor) => cursor < probe.first);
    if (!isSamePage) throw cursorStuck(max, count);
    return next({ ...probe, phase: "at", since: max });
  }
  if (isThere((cursor) => cursor > max)) throw cursorStuck(max, count);
  if (probe.phase === "at" && page.items.length > 0)
    return next({ ...probe, phase: "beyond", since: instantAfter(max, format) });
  // An API that gives single records only, whatever it is asked for, is not to be expected.
  if (probe.fullAt !== null && count <= probe.fullAt && count > 1) throw cursorStuck(max, count);
  return { kind: "end" };
}

function formatOf({ rawCursors }: PageSeen, before: InstantFormat | null): InstantFormat | null {
  let format = before;
  for (const raw of rawCursors) {
    const seen = instantFormatOf(raw);
    if (seen !== null) format = finerFormat(format, seen);
  }
  return format;
}

function isAscending(cursors: (string | null)[]): boolean {
  const known = cursors.filter((cursor) => cursor !== null);
  return known.every((cursor, i) => i === 0 || (known[i - 1] ?? "") <= cursor);
}

function next(position: Position): NextPage {
  return { kind: "next", position, rereads: true };
}

const stuckRemedy =
  "If the API allows larger pages, raise the page size above that number (BATCH_SIZE for external_api); if its largest page is known, state it as maxPageSize (API_MAX_PAGE_SIZE).";

function cursorStuck(max: string, count: number): PermanentError {
  const message = `the API gives ${count} records up to the time ${max} and no more, however many are asked for; there may be more of that time`;
  return new PermanentError("CURSOR_STUCK", message, { remedy: stuckRemedy });
}

function cursorMissing({ items }: PageSeen): PermanentError {
  return new PermanentError(
    "CURSOR_MISSING",
    `none of the page's ${items.length} records has a cursor value that is a time`,
  );
}

function orderViolated(limit: number): PermanentError {
  return new PermanentError(
    "ORDER_VIOLATED",
    `a full page of ${limit} records is not sorted by the cursor, oldest first`,
  );
}
