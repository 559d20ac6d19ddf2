import { type FailurePoint, failurePoints } from "@penstock/core/failure-points";
import type { Fault } from "@penstock/testing/simulators/external-api";

/*
 * How to come to each failure point and die there. Most are on the way of any run; some need something to go wrong first.
 */

/**
 * A process that works until it dies at the failure planned for it, or until all is done when none is a `kill`. `redrive` puts
 * every open letter back, `replay` transforms every kept page again, `serve` has the scheduler too. `lose-queue`: the queue forgets everything.
 */
export type Step = { work: "run" | "serve" | "redrive" | "replay"; failures: string } | { work: "lose-queue" };

export type Scenario = {
  point: FailurePoint;
  steps: Step[];
  /** By number of the request. */
  fault?: (request: number) => Fault | undefined;
  ballastBytes?: number;
};

const refused: Fault = { status: 400, body: '{"error":"refused"}' };
const run = (failures: string): Step => ({ work: "run", failures });
const serve = (failures: string): Step => ({ work: "serve", failures });
const replay = (failures: string): Step => ({ work: "replay", failures });
const redrive = (failures: string): Step => ({ work: "redrive", failures });

/** Where more than "a run that dies when it comes by the second time" is needed. */
const special: { [P in FailurePoint]?: Omit<Scenario, "point"> } = {
  "start-run.begun": { steps: [run("start-run.begun:1:kill")] },
  "start-run.in-transaction": { steps: [run("start-run.in-transaction:1:kill")] },
  "start-run.committed": { steps: [run("start-run.committed:1:kill")] },
  "start-run.enqueued": { steps: [run("start-run.enqueued:1:kill")] },
  "fetch.payload-saved": { steps: [run("fetch.payload-saved:2:kill")], ballastBytes: 30_000 },
  "settle-fetch.begun": { steps: [run("settle-fetch.begun:1:kill")], fault: (n) => (n === 2 ? refused : undefined) },
  "settle-fetch.committed": {
    steps: [run("settle-fetch.committed:1:kill")],
    fault: (n) => (n === 2 ? refused : undefined),
  },
  "settle-transform.begun": { steps: [run("transform.unpacked:2:refuse,settle-transform.begun:1:kill")] },
  "redrive.claimed": { steps: [run(""), redrive("redrive.claimed:1:kill")] },
  "redrive.enqueued": { steps: [run(""), redrive("redrive.enqueued:1:kill")] },
  "redrive.run-started": {
    steps: [run("fetch.begun:2:refuse,settle-fetch.committed:1:kill"), redrive("redrive.run-started:1:kill")],
  },
  "redrive.made": { steps: [run("transform.unpacked:2:refuse"), redrive("redrive.made:1:kill")] },
  "redrive.committed": { steps: [run("transform.unpacked:2:refuse"), redrive("redrive.committed:1:kill")] },
  "settle-redrive.begun": { steps: [run(""), redrive("settle-redrive.begun:1:kill")] },
  "settle-redrive.committed": { steps: [run(""), redrive("settle-redrive.committed:1:kill")] },
  "sweep.found": failedJob("sweep.found:1:kill"),
  "sweep.enqueued": failedJob("sweep.enqueued:1:kill"),
  "sweep.retried": failedJob("sweep.retried:1:kill"),
  "sweep.settled": {
    ...failedJob("settle-fetch.begun:2:throw,sweep.settled:1:kill"),
    fault: (n) => (n === 2 || n === 3 ? refused : undefined),
  },
  "watchdog.suspected": lostJobs("watchdog.suspected:1:kill"),
  "watchdog.taken-over": lostJobs("watchdog.taken-over:1:kill"),
  "restore.begun": { steps: [serve("restore.begun:2:kill")] },
  "restore.restored": { steps: [serve("restore.restored:2:kill")] },
  "tick.begun": { steps: [serve("tick.begun:1:kill")] },
  "tick.ended": { steps: [serve("tick.ended:1:kill")] },
  "replay.begun": { steps: [run(""), replay("replay.begun:1:kill")] },
  "replay.committed": { steps: [run(""), replay("replay.committed:2:kill")] },
};

/** A job that fails because it cannot be settled: what the sweep of the failed sets is for. */
function failedJob(failures: string): Omit<Scenario, "point"> {
  return {
    steps: [run(`settle-fetch.begun:1:throw,${failures}`)],
    fault: (n) => (n === 2 ? refused : undefined),
  };
}

/** A run with pages and without any job: what the watchdog is for. */
function lostJobs(failures: string): Omit<Scenario, "point"> {
  return { steps: [run("transform.committed:2:kill"), { work: "lose-queue" }, serve(failures)] };
}

/** Records that an API has no more are none of this source's: deletions.integration.test.ts dies at these. */
const isOfDeletions = (point: FailurePoint): boolean => point.startsWith("deletions.");

export const scenarios: Scenario[] = (Object.keys(failurePoints) as FailurePoint[])
  .filter((point) => !isOfDeletions(point))
  .map((point) => ({ point, ...(special[point] ?? { steps: [run(`${point}:2:kill`)] }) }));

export const isDeadly = (step: Step): boolean => step.work !== "lose-queue" && step.failures.includes(":kill");
