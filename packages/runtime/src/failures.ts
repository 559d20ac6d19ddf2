import { setTimeout as delay } from "node:timers/promises";
import { PermanentError } from "@penstock/core/errors";
import type { FailureAction, FailurePoint, PlannedFailure, Reach } from "@penstock/core/failure-points";
import { withoutFailures } from "@penstock/core/failure-points";

/** What `kill` does; not meant to return for long. */
export type Kill = (point: FailurePoint) => void;

/** Fails as planned, each plan once. Without a plan it is the function that does nothing. */
export function createReach(planned: readonly PlannedFailure[], kill: Kill = killThisProcess): Reach {
  if (planned.length === 0) return withoutFailures;
  const reached = new Map<FailurePoint, number>();
  return (point) => {
    const nth = (reached.get(point) ?? 0) + 1;
    reached.set(point, nth);
    const failure = planned.find((each) => each.point === point && each.nth === nth);
    return failure === undefined ? undefined : fail(point, failure.action, kill);
  };
}

async function fail(point: FailurePoint, action: FailureAction, kill: Kill): Promise<void> {
  if (action.kind === "throw") throw new Error(`failure planned at ${point}`);
  if (action.kind === "refuse") throw new PermanentError("UNEXPECTED", `failure planned at ${point}`);
  if (action.kind === "delay") return await delay(action.delayMs);
  if (action.kind === "kill") kill(point);
  await never();
}

/** As SIGKILL from outside: nothing is closed, nothing said. */
function killThisProcess(): void {
  process.kill(process.pid, "SIGKILL");
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
