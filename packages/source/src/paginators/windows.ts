import { z } from "zod";
import { type Duration, durationMs } from "../duration.ts";
import { instantMs } from "../instant.ts";
import type { NextPage, Paginator } from "../paginator.ts";
import { resolutionOf, type TimeFormat, timeBefore, timeText } from "../time-format.ts";
import { mergeRequests, placed, type RequestPlace } from "./request-place.ts";

export type WindowOptions = {
  /** Where the window's ends go, default query parameters `from` and `to`. */
  from?: RequestPlace;
  to?: RequestPlace;
  /** How times are written, default `iso`. */
  format?: TimeFormat;
  /** Where the first run begins: ISO 8601 with a zone, or a date. */
  start: string;
  /** Length of a window. */
  length: Duration;
  /** The most records that the API gives for a window. One that has as many is asked for again in halves. */
  maxRecords?: number;
  /** For tests; default the clock. */
  now?: () => number;
};

const positionSchema = z.object({
  /** Milliseconds since 1970; the run ends at `endMs`, now when it began. */
  fromMs: z.int(),
  endMs: z.int(),
  lengthMs: z.int(),
});
type Position = z.infer<typeof positionSchema>;

/**
 * Asks for one span of time after the other, from the bound up to the run's start. A window begins one step of the format
 * before the end of the window before, so that it does not matter which of its ends the API includes.
 *
 * A window with `maxRecords` records may have been cut off there: it is halved until it has fewer, then windows grow again.
 * One that cannot be halved any more ends the run `incomplete` with `WINDOW_FULL`.
 *
 * @throws RangeError for a start that is no time or a window shorter than two steps of the format
 */
export function timeWindows(options: WindowOptions): Paginator {
  const { from = { query: "from" }, to = { query: "to" }, format = "iso", maxRecords, now = Date.now } = options;
  const firstMs = instantMs(options.start);
  if (firstMs === null) throw new RangeError(`windows cannot start at "${options.start}": expected ISO 8601`);
  const full: Position["lengthMs"] = durationMs(options.length);
  const shortestMs = 2 * resolutionOf(format);
  if (full < shortestMs) throw new RangeError(`a window of ${full} ms is too short for times written as ${format}`);
  return {
    kind: "windows",
    mayHide: true,
    endsAnywhere: true,
    start: (bound, _cursor, upTo) => ({
      fromMs: bound === null ? firstMs : timeBefore(instantMs(bound) ?? firstMs, format),
      endMs: upTo === undefined ? now() : (instantMs(upTo) ?? now()),
      lengthMs: full,
    }),
    request: (position) => {
      const window = positionSchema.parse(position);
      return mergeRequests(placed(from, timeText(window.fromMs, format)), placed(to, timeText(toMs(window), format)));
    },
    next: (position, { items }) => {
      const window = positionSchema.parse(position);
      if (maxRecords !== undefined && items.length >= maxRecords) return halved(window, shortestMs);
      if (toMs(window) >= window.endMs) return { kind: "end" };
      return next({
        ...window,
        fromMs: timeBefore(toMs(window), format),
        lengthMs: Math.min(2 * window.lengthMs, full),
      });
    },
  };
}

function toMs({ fromMs, endMs, lengthMs }: Position): number {
  return Math.min(fromMs + lengthMs, Math.max(endMs, fromMs));
}

function halved(window: Position, shortestMs: number): NextPage {
  const spanMs = toMs(window) - window.fromMs;
  if (spanMs <= shortestMs) return { kind: "incomplete", code: "WINDOW_FULL" };
  return next({ ...window, lengthMs: Math.max(Math.floor(spanMs / 2), shortestMs) });
}

/** A half may give the same records again, and years may have none: neither is a loop, since time goes on. */
function next(position: Position): NextPage {
  return { kind: "next", position, rereads: true };
}
