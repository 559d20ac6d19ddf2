import { decide, messageOf } from "@penstock/core/decision";
import { PenstockError, PermanentError } from "@penstock/core/errors";
import { UnrecoverableError } from "bullmq";
import type { BullQueue } from "./backend.ts";
import { type ActiveJob, returnDelayed, returnThrottled, returnToWaiting } from "./job-return.ts";
import type { BoundJob } from "./job-runner.ts";
import type { JobContext } from "./queues.ts";

/*
 * The translation of what core decides about an error into what BullMQ does. It returns when the job is over, and
 * throws else:
 *
 * | decision    | BullMQ                                                     | attempt spent |
 * | ----------- | ---------------------------------------------------------- | ------------- |
 * | retry       | the error itself → delayed by the worker's backoff         | yes           |
 * | … the last  | settled, then completed                                    |               |
 * | throttle    | queue rate-limited, RateLimitError                         | no            |
 * | wait        | moved to delayed, DelayedError                             | no            |
 * | drop        | completed                                                  |               |
 * | dead-letter | settled, then completed                                    |               |
 *
 * A job whose worker is stopping goes back to waiting, whatever its handler threw when its signal was aborted. A job
 * that cannot be settled waits when that is for our infrastructure, and else fails, for the sweep of the failed set to
 * find.
 */

export type JobRun = {
  active: ActiveJob;
  bound: BoundJob;
  context: JobContext;
  queue: BullQueue;
  /** Waits for infrastructure that is away; shared by the worker's jobs. */
  outage: Outage;
  /** Called when the job goes back unfinished because the worker stops. */
  onHandedBack(): void;
};

export async function processJob(run: JobRun): Promise<void> {
  const { active, bound, context, outage } = run;
  if (active.signal.aborted) return await handBack(run);
  let outcome: Awaited<ReturnType<BoundJob["handle"]>>;
  try {
    outcome = await bound.handle(context);
  } catch (error) {
    return await conclude(run, error);
  }
  outage.over();
  if (outcome === undefined) return;
  if ("throttleMs" in outcome) await returnThrottled(active, run.queue, outcome.throttleMs);
  else await returnDelayed(active, outcome.deferMs);
}

async function conclude(run: JobRun, error: unknown): Promise<void> {
  const { active, context, queue, outage } = run;
  if (active.signal.aborted) return await handBack(run);
  const decision = decide(error);
  if (decision.action === "wait") return await returnDelayed(active, outage.nextWaitMs());
  outage.over();
  if (decision.action === "drop") return;
  if (decision.action === "throttle") return await returnThrottled(active, queue, decision.afterMs);
  if (decision.action === "dead-letter") return await settle(run, error);
  if (context.attempt >= context.maxAttempts) return await settle(run, exhausted(error, context.attempt));
  throw toError(error);
}

async function settle(run: JobRun, error: unknown): Promise<void> {
  const { active, bound, context, outage } = run;
  try {
    await bound.settle(error, context);
  } catch (settleError) {
    if (active.signal.aborted) return await handBack(run);
    if (decide(settleError).action === "wait") return await returnDelayed(active, outage.nextWaitMs());
    throw new UnrecoverableError(
      `cannot be settled: ${messageOf(settleError)}; it had ended with: ${messageOf(error)}`,
    );
  }
}

async function handBack(run: JobRun): Promise<never> {
  run.onHandedBack();
  return await returnToWaiting(run.active);
}

/** Names the cause, since that is what a person looks for in the letter. */
function exhausted(error: unknown, attempts: number): PermanentError {
  const details = error instanceof PenstockError ? error.details : {};
  const code = error instanceof PenstockError ? `${error.code}: ` : "";
  return new PermanentError(
    "ATTEMPTS_EXHAUSTED",
    `gave up after ${attempts} attempt(s), the last: ${code}${messageOf(error)}`,
    {
      ...details,
      cause: error,
    },
  );
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error), { cause: error });
}

export type Outage = { nextWaitMs(): number; over(): void };

const shortestWaitMs = 500;
const firstCeilingMs = 2_000;
const longestWaitMs = 5_000;

/** Waits of 0.5 to 2 s at first, up to 5 s when it lasts, spread so that not all jobs come back at once. */
export function createOutage(random: () => number = Math.random): Outage {
  let failures = 0;
  return {
    nextWaitMs: () => {
      const ceilingMs = Math.min(longestWaitMs, firstCeilingMs * 1.2 ** failures++);
      return Math.round(shortestWaitMs + random() * (ceilingMs - shortestWaitMs));
    },
    over: () => {
      failures = 0;
    },
  };
}
