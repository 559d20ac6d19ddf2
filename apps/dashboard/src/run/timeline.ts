import type { Page } from "../client/models.ts";

type Times = Pick<Page, "seq" | "observedAt" | "committedAt">;

/** A page on the timeline: where it begins and how long it is, in shares of the whole. */
export type Span = { seq: number; start: number; length: number };

/** Places the pages on one line of time, from the first request to the last commit. */
export function timelineOf(pages: readonly Times[]): { fromMs: number; totalMs: number; spans: Span[] } {
  const starts = pages.map(({ observedAt }) => Date.parse(observedAt));
  const ends = pages.map(({ committedAt }) => Date.parse(committedAt));
  const fromMs = pages.length === 0 ? 0 : Math.min(...starts);
  const totalMs = pages.length === 0 ? 0 : Math.max(1, Math.max(...ends) - fromMs);
  const spans = pages.map(({ seq }, index) => {
    const start = ((starts[index] ?? fromMs) - fromMs) / totalMs;
    // Clocks may disagree by a little: a page is never shorter than nothing.
    const length = Math.max(0, ((ends[index] ?? fromMs) - (starts[index] ?? fromMs)) / totalMs);
    return { seq, start, length };
  });
  return { fromMs, totalMs, spans };
}
