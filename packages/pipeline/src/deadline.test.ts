import { expect, test } from "vitest";
import { isOverdue } from "./deadline.ts";

const startedAt = new Date("2026-01-31T12:00:00Z");
const after = (ms: number) => new Date(startedAt.getTime() + ms);

test("a run is overdue once it took longer than its stream allows", () => {
  expect(isOverdue({ startedAt }, { deadlineMs: 1_000 }, after(1_000))).toBe(false);
  expect(isOverdue({ startedAt }, { deadlineMs: 1_000 }, after(1_001))).toBe(true);
});

test("without a deadline it may take any time", () => {
  expect(isOverdue({ startedAt }, { deadlineMs: undefined }, after(1e12))).toBe(false);
});
