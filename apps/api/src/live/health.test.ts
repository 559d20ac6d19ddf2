import type { RunStatus } from "@penstock/core/run";
import { expect, test } from "vitest";
import { type HealthInput, healthOf, tellingRun } from "./health.ts";

const succeeded = { status: "succeeded", errorCode: null } as const;
const well: HealthInput = {
  ...{ isPaused: false, lastRun: succeeded, lastEnded: succeeded },
  ...{ sinceSuccessMs: 60_000, objectiveMs: 300_000, overdueMs: -1_000 },
};
const health = (input: Partial<HealthInput>) => healthOf({ ...well, ...input }).health;

test("the worst that is true", () => {
  const failed = { status: "failed", errorCode: "AUTH_REJECTED" } as const;
  expect(health({})).toBe("ok");
  expect(health({ lastRun: { status: "running" } })).toBe("running");
  expect(health({ lastRun: { status: "running" }, lastEnded: failed })).toBe("failing");
  expect(healthOf({ ...well, lastEnded: failed }).healthReason).toContain("AUTH_REJECTED");
  expect(health({ sinceSuccessMs: 300_001 })).toBe("late");
  expect(health({ sinceSuccessMs: 300_001, lastEnded: failed })).toBe("failing");
  expect(health({ isPaused: true, lastEnded: failed })).toBe("paused");
  expect(health({ lastRun: null, lastEnded: null, sinceSuccessMs: null })).toBe("never-run");
});

test("a stream whose runs nobody starts is late, with an objective or without, and before its first run", () => {
  const overdue = { objectiveMs: null, overdueMs: 61_000 };
  expect(health(overdue)).toBe("late");
  expect(health({ ...overdue, lastRun: null, lastEnded: null, sinceSuccessMs: null })).toBe("late");
  expect(health({ ...overdue, overdueMs: 59_000 })).toBe("ok");
  expect(health({ ...overdue, isPaused: true })).toBe("paused");
});

test("a child stream fails when none of its runs succeeds, any other by its last", () => {
  const runs = (partition: string, ...statuses: RunStatus[]) =>
    statuses.map((status, i) => ({
      status,
      errorCode: null,
      partition: `${partition}${partition === "live" ? "" : i}`,
    }));
  expect(tellingRun(runs("live", "running", "superseded", "failed", "succeeded"))?.status).toBe("failed");
  expect(tellingRun(runs("parent:", "failed", "succeeded"))?.status).toBe("succeeded");
  expect(tellingRun(runs("parent:", "running", "failed", "incomplete"))?.status).toBe("failed");
  expect(tellingRun(runs("live", "running", "cancelled"))).toBeNull();
});
