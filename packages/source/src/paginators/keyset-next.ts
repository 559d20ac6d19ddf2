import { compareCursors, withCursor } from "@penstock/core/cursor";
import { PermanentError } from "@penstock/core/errors";
import { finerFormat, type InstantFormat, instantFormatOf, isoMilliseconds } from "../instant.ts";
import type { CursorShape, NextPage, PageSeen } from "../paginator.ts";
import type { Known, Position, Probe, Walk } from "./keyset-position.ts";
import { valueAfter, valueBefore } from "./keyset-value.ts";

export type Paging = { shape: CursorShape; pageSize: number; maxPageSize: number | undefined };

/**
 * What a page leads to; the reasons stand at `keyset`.
 *
 * @throws PermanentError `CURSOR_STUCK`, `CURSOR_MISSING` or `ORDER_VIOLATED`. Not `incomplete`: in a stream that is
 * sorted the bound would move with this page, past what it hides.
 */
export function nextPosition(position: Position, page: PageSeen, paging: Paging): NextPage {
  if (position.phase === "look") return afterLook(position.max, page, paging);
  if (position.phase === "walk") return afterWalk(position, page, paging);
  return afterProbe(position, page, paging);
}

/** Reads on from the value before the largest cursor. */
export function walkFrom(known: Known, { shape, pageSize }: Paging): Walk {
  const since = known.max === null ? null : valueBefore(known.max, known, shape);
  return { phase: "walk", ...known, since, limit: pageSize, fullAt: null };
}

function afterLook(bound: string, page: PageSeen, paging: Paging): NextPage {
  if (page.items.length === 0) return { kind: "end" };
  const format = formatOf(page, null) ?? isoMilliseconds;
  return next(walkFrom({ max: bound, before: bound, format, largest: page.items.length }, paging));
}

function afterWalk(walk: Walk, page: PageSeen, paging: Paging): NextPage {
  const { kind } = paging.shape;
  const count = page.items.length;
  if (count === 0) return { kind: "end" };
  const format = paging.shape.kinds.includes("timestamp") ? formatOf(page, walk.format) : null;
  const { largest: max, before } = page.cursors.reduce((seen, cursor) => withCursor(kind, seen, cursor), {
    largest: walk.max,
    before: walk.before,
  });
  if (max === null || page.cursors.every((cursor) => cursor === null)) throw cursorMissing(page, paging.shape);
  const isFull = count >= walk.limit;
  if (isFull && !isAscending(page.cursors, paging.shape)) throw orderViolated(walk.limit);

  if (!isFull && paging.maxPageSize !== undefined) return { kind: "end" };
  const largest = Math.max(walk.largest, count);
  if (max !== walk.max) return next(walkFrom({ max, before, format, largest }, paging));
  if (isFull) return next(grow(walk, count, max, paging));
  if (walk.largest > count) return { kind: "end" };
  const first = page.cursors.reduce(
    (min: string, cursor) => (cursor !== null && compareCursors(kind, cursor, min) < 0 ? cursor : min),
    max,
  );
  return next({
    phase: "earlier",
    first,
    max,
    format,
    count,
    fullAt: walk.fullAt,
    isCap: false,
    since: null,
    limit: count + 1,
  });
}

/** Asks for the same once more with twice the limit. */
function grow(walk: Walk, count: number, max: string, { maxPageSize = Number.POSITIVE_INFINITY }: Paging): Walk {
  if (walk.limit >= maxPageSize) throw cursorStuck(max, count);
  return { ...walk, limit: Math.min(2 * count, maxPageSize), largest: Math.max(walk.largest, count), fullAt: count };
}

function afterProbe(probe: Probe, page: PageSeen, paging: Paging): NextPage {
  if (probe.phase === "earlier") return afterEarlier(probe, page, paging);
  const { max, count } = probe;
  const compared = page.cursors.map((cursor) =>
    cursor === null ? -1 : compareCursors(paging.shape.kind, cursor, max),
  );
  if (compared.some((order) => order > 0)) {
    // Behind all records of `max`, which the API includes, come later ones: it has cut none off.
    if (compared.some((order) => order === 0)) return afterWalk(resumed(probe, paging), page, paging);
    throw cursorStuck(max, count);
  }
  if (probe.phase === "at" && page.items.length > 0) return afterIncluded(probe, page, paging);
  // An API that gives single records only, whatever it is asked for, is not to be expected.
  const isLimit = probe.isCap || (probe.fullAt !== null && count <= probe.fullAt);
  if (isLimit && count > 1) throw cursorStuck(max, count);
  return { kind: "end" };
}

/** As many records again, and others: so many the API gives at once. */
function afterEarlier(probe: Probe, page: PageSeen, { shape }: Paging): NextPage {
  const { max, first, count } = probe;
  if (page.items.length !== count) return { kind: "end" };
  const isThere = (matches: (cursor: string) => boolean) =>
    page.cursors.some((cursor) => cursor !== null && matches(cursor));
  const isSamePage =
    isThere((cursor) => compareCursors(shape.kind, cursor, max) >= 0) &&
    !isThere((cursor) => compareCursors(shape.kind, cursor, first) < 0);
  return next({ ...probe, phase: "at", isCap: !isSamePage, since: max });
}

/** Asked from `max`, the API gives records of it and none later. */
function afterIncluded(probe: Probe, page: PageSeen, { shape }: Paging): NextPage {
  const { max, format, count, isCap } = probe;
  if (page.items.length < count) return { kind: "end" };
  const since = isCap ? null : valueAfter(max, { format }, shape);
  if (since !== null) return next({ ...probe, phase: "beyond", since });
  // Behind a text nothing can be asked for.
  if (count > 1) throw cursorStuck(max, count);
  return { kind: "end" };
}

function resumed({ max, format, count }: Probe, paging: Paging): Walk {
  return walkFrom({ max, before: null, format, largest: count }, paging);
}

function formatOf({ rawCursors }: PageSeen, before: InstantFormat | null): InstantFormat | null {
  let format = before;
  for (const raw of rawCursors) {
    const seen = instantFormatOf(raw);
    if (seen !== null) format = finerFormat(format, seen);
  }
  return format;
}

function isAscending(cursors: (string | null)[], { kind }: CursorShape): boolean {
  const known = cursors.filter((cursor) => cursor !== null);
  return known.every((cursor, i) => i === 0 || compareCursors(kind, known[i - 1] ?? cursor, cursor) <= 0);
}

function next(position: Position): NextPage {
  return { kind: "next", position, rereads: true };
}

const stuckRemedy =
  "If the API allows larger pages, raise the page size above that number (BATCH_SIZE for external_api); if its largest page is known, state it as maxPageSize (API_MAX_PAGE_SIZE).";

function cursorStuck(max: string, count: number): PermanentError {
  const message = `the API gives ${count} records up to ${max} and no more, however many are asked for; there may be more that share it`;
  return new PermanentError("CURSOR_STUCK", message, { remedy: stuckRemedy });
}

function cursorMissing({ items }: PageSeen, { kinds }: CursorShape): PermanentError {
  return new PermanentError(
    "CURSOR_MISSING",
    `none of the page's ${items.length} records has a cursor value that is a ${kinds.join(" and a ")}`,
  );
}

function orderViolated(limit: number): PermanentError {
  return new PermanentError(
    "ORDER_VIOLATED",
    `a full page of ${limit} records is not sorted by the cursor, smallest first`,
  );
}
