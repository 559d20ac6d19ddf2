import { describe, expect, test } from "vitest";
import {
  admission,
  afterAnswer,
  afterFailure,
  afterLastAllowed,
  afterThrottle,
  type SourceState,
  untroubled,
  withProbe,
} from "./source-state.ts";

const policy = { failures: 3, openMs: 1_000, maxOpenMs: 3_000 };
const at = (ms: number) => new Date(1_000_000 + ms);
const probe = (jobId: string) => ({ jobId, maxMs: 500 });

function opened(): SourceState {
  return ["a", "b", "c"].reduce((state, jobId) => afterFailure(state, at(0), jobId, policy), untroubled);
}

describe("circuit breaker", () => {
  test("opens at the limit of failures in a row, whichever job met them", () => {
    const two = afterFailure(afterFailure(untroubled, at(0), "a", policy), at(0), "b", policy);
    expect(admission(two, at(0))).toEqual({ kind: "go" });
    expect(afterFailure(two, at(0), "c", policy)).toMatchObject({
      breaker: "open",
      openings: 1,
      breakerUntil: at(1_000),
    });
  });

  test("an answer ends the row", () => {
    const two = afterFailure(afterFailure(untroubled, at(0), "a", policy), at(0), "b", policy);
    expect(afterFailure(afterAnswer(two), at(0), "c", policy)).toMatchObject({ breaker: "closed", failures: 1 });
  });

  test("open, nothing goes out until its time; then one job gets the probe, and the others wait", () => {
    expect(admission(opened(), at(400))).toEqual({ kind: "wait", waitMs: 600 });
    expect(admission(opened(), at(1_000))).toEqual({ kind: "probe" });
    const half = withProbe(opened(), at(1_000), probe("x"));
    expect(half).toMatchObject({ breaker: "half-open", probe: "x" });
    expect(withProbe(half, at(1_000), probe("y"))).toBe(half);
    expect(admission(half, at(1_200))).toEqual({ kind: "wait", waitMs: 300 });
  });

  test("too early, nobody gets the probe", () => expect(withProbe(opened(), at(999), probe("x")).breaker).toBe("open"));

  test("the probe answered closes it, with nothing left of the past", () => {
    expect(afterAnswer(withProbe(opened(), at(1_000), probe("x")))).toEqual(untroubled);
  });

  test("each probe that fails doubles the wait, up to the longest", () => {
    const waits: number[] = [];
    let [state, now] = [opened(), at(1_000)];
    for (let i = 0; i < 3; i++) {
      state = afterFailure(withProbe(state, now, probe("x")), now, "x", policy);
      waits.push((state.breakerUntil?.getTime() ?? 0) - now.getTime());
      now = state.breakerUntil ?? now;
    }
    expect(waits).toEqual([2_000, 3_000, 3_000]);
  });

  test("failures of requests that were out already change nothing", () => {
    expect(afterFailure(opened(), at(10), "late", policy)).toEqual(opened());
    const half = withProbe(opened(), at(1_000), probe("x"));
    expect(afterFailure(half, at(1_010), "late", policy)).toBe(half);
  });

  test("a probe whose worker died is free for the next after its time", () => {
    const half = withProbe(opened(), at(1_000), probe("x"));
    expect(withProbe(half, at(1_500), probe("y"))).toMatchObject({ breaker: "half-open", probe: "y" });
  });

  test("a probe that is asked to wait is sent again then, and the wait has not grown", () => {
    const waiting = afterThrottle(withProbe(opened(), at(1_000), probe("x")), at(1_000), 5_000);
    expect(waiting).toMatchObject({ breaker: "open", openings: 1, breakerUntil: at(6_000) });
    expect(admission(waiting, at(6_000))).toEqual({ kind: "probe" });
  });
});

describe("throttle", () => {
  test("nothing goes out before its end, which only moves forward", () => {
    const state = afterThrottle(afterThrottle(untroubled, at(0), 2_000), at(100), 500);
    expect(admission(state, at(500))).toEqual({ kind: "wait", waitMs: 1_500 });
    expect(admission(state, at(2_000))).toEqual({ kind: "go" });
  });

  test("many refused together are one", () => {
    let state = untroubled;
    for (let i = 0; i < 50; i++) state = afterThrottle(state, at(i), 2_000);
    expect(state).toMatchObject({ throttles: 1, throttledUntil: at(2_049) });
  });

  test("one after another, they grow whatever is asked for, up to a minute, until there is an answer", () => {
    let [state, now] = [untroubled, at(0)];
    const waits = Array.from({ length: 12 }, () => {
      state = afterThrottle(state, now, 0);
      const until = state.throttledUntil ?? now;
      const waitMs = until.getTime() - now.getTime();
      now = until;
      return waitMs;
    });
    expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(waits.at(-1)).toBe(60_000);
    expect(afterThrottle(afterAnswer(state), now, 0).throttledUntil).toEqual(new Date(now.getTime() + 100));
  });

  test("the last request that was allowed is followed by a wait that does not grow", () => {
    const state = afterLastAllowed(afterLastAllowed(untroubled, at(0), 300), at(300), 300);
    expect(state).toEqual({ ...untroubled, throttledUntil: at(600) });
  });
});
