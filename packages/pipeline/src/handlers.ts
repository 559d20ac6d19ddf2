import { codeOf, decide, messageOf } from "@penstock/core/decision";
import { fetchQueue, type JobPayloads, type JobType, tickQueue, transformQueue } from "@penstock/queues/catalog";
import type { JobContext, JobHandler, JobOutcome } from "@penstock/queues/queues";
import type { SpanStart } from "@penstock/telemetry/traces";
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

/** The handler, with each job counted, traced, and logged when it comes back. */
function observed<T extends JobType>(
  context: PipelineContext,
  type: T,
  queueOf: (payload: JobPayloads[T]) => string,
  handler: JobHandler<T>,
): JobHandler<T> {
  const { traces } = context;
  return {
    settle: (payload, error, job) =>
      traces.inSpan(spanOf("settle", payload, job), () =>
        isReadable(type, payload)
          ? handler.settle(payload, error, job)
          : settleUnreadable(context, type, payload, error),
      ),
    handle: (payload, job) =>
      traces.inSpan(spanOf(type, payload, job), () =>
        counted(context, { queue: queueOf(payload), type, job }, () => handler.handle(payload, job)),
      ),
  };
}

type Observed = { queue: string; type: JobType; job: JobContext };

async function counted(
  { metrics, logger }: PipelineContext,
  { queue, type, job }: Observed,
  handle: () => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const startedAt = performance.now();
  const end = (outcome: "done" | "retried" | "failed") =>
    metrics.jobEnded({ queue, type, outcome, durationMs: performance.now() - startedAt });
  try {
    const outcome = await handle();
    end("done");
    return outcome;
  } catch (error) {
    const isFinal = ["dead-letter", "drop"].includes(decide(error).action) || job.attempt >= job.maxAttempts;
    end(isFinal ? "failed" : "retried");
    if (!isFinal) {
      const code = codeOf(error);
      metrics.jobRetried({ queue, code });
      logger.warn({ queue, code, reason: messageOf(error) }, "job will be tried again");
    }
    throw error;
  }
}

/** Below the span that handed the job on; a job that nobody handed on, such as a tick, begins a trace. */
function spanOf(name: string, payload: object, { jobId, attempt }: JobContext): SpanStart {
  const traceparent = "traceparent" in payload ? payload.traceparent : undefined;
  return {
    name,
    kind: "consumer",
    parent: typeof traceparent === "string" ? traceparent : "root",
    attributes: { "messaging.message.id": jobId, "penstock.attempt": attempt },
    logFields: { jobId, attempt },
  };
}
