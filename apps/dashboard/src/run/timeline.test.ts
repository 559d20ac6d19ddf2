import { expect, test } from "vitest";
import { timelineOf } from "./timeline.ts";

const at = (ms: number) => new Date(1_000_000 + ms).toISOString();
const page = (seq: number, observed: number, committed: number) => ({
  seq,
  observedAt: at(observed),
  committedAt: at(committed),
});

test("pages stand where their times are", () => {
  expect(timelineOf([page(0, 0, 400), page(1, 200, 1_000)])).toEqual({
    fromMs: 1_000_000,
    totalMs: 1_000,
    spans: [
      { seq: 0, start: 0, length: 0.4 },
      { seq: 1, start: 0.2, length: 0.8 },
    ],
  });
});

test("no pages are no time", () => {
  expect(timelineOf([])).toEqual({ fromMs: 0, totalMs: 0, spans: [] });
});

test("clocks that disagree make no negative length", () => {
  expect(timelineOf([page(0, 100, 0), page(1, 100, 200)]).spans[0]?.length).toBe(0);
});
