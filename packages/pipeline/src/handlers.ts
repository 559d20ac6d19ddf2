import { codeOf, decide, messageOf } from "@penstock/core/decision";
import { fetchQueue, type JobPayloads, type JobType, tickQueue, transformQueue } from "@penstock/queues/catalog";
import type { JobHandler } from "@penstock/queues/queues";
import type { FetchContext, PipelineContext } from "./context.ts";
import { fetchPage } from "./fetch.ts";
import { redriveLetter, settleRedrive } from "./redrive.ts";
import { settleFetch } from "./settle-fetch.ts";
import { isReadable, settleUnreadable } from "./settle-unreadable.ts";
import { tick } from "./tick.ts";
import { settleTransform, transformPage } from "./transform.ts";

/*
 * The handler of each job type, for the workers that take them. `handle` may run any number of times for one job; `settle`
 * accounts for a job that is given up, and may run any number of times too.
 */

export function tickHandler(context: PipelineContext): JobHandler<"tick"> {
  return observed(context, "tick", () => tickQueue, {
    handle: (payload, { jobId }) => tick(context, payload, jobId),
    // The next tick tries again; there is nothing to account for.
    settle: async (payload, error) => context.logger.error({ ...payload, err: error }, "tick failed"),
  });
}

export function fetchHandler(context: FetchContext): JobHandler<"fetch"> {
  return observed(context, "fetch", ({ source }) => fetchQueue(source), {
    handle: (payload, job) => fetchPage(context, payload, job),
    settle: (payload, error) => settleFetch(context, payload, error),
  });
}

export function transformHandler(context: PipelineContext): JobHandler<"transform"> {
  return observed(context, "transform", () => transformQueue, {
    handle: (payload) => transformPage(context, payload),
    settle: (payload, error) => settleTransform(context, payload, error),
  });
}

export function redriveHandler(context: PipelineContext): JobHandler<"redrive"> {
  return observed(context, "redrive", () => transformQueue, {
    handle: (payload) => redriveLetter(context, payload),
    settle: (payload, error) => settleRedrive(context, payload, error),
  });
}

/** The handler, with each job counted and each that comes back logged. */
function observed<T extends JobType>(
  context: PipelineContext,
  type: T,
  queueOf: (payload: JobPayloads[T]) => string,
  handler: JobHandler<T>,
): JobHandler<T> {
  const { metrics, logger } = context;
  return {
    settle: (payload, error, job) =>
      isReadable(type, payload) ? handler.settle(payload, error, job) : settleUnreadable(context, type, payload, error),
    handle: async (payload, job) => {
      const queue = queueOf(payload);
      const startedAt = performance.now();
      const end = (outcome: "done" | "retried" | "failed") =>
        metrics.jobEnded({ queue, type, outcome, durationMs: performance.now() - startedAt });
      try {
        const outcome = await handler.handle(payload, job);
        end("done");
        return outcome;
      } catch (error) {
        const isFinal = ["dead-letter", "drop"].includes(decide(error).action) || job.attempt >= job.maxAttempts;
        end(isFinal ? "failed" : "retried");
        if (!isFinal) {
          const code = codeOf(error);
          metrics.jobRetried({ queue, code });
          const fields = { queue, jobId: job.jobId, attempt: job.attempt, code, reason: messageOf(error) };
          logger.warn(fields, "job will be tried again");
        }
        throw error;
      }
    },
  };
}
