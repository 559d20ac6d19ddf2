import type { JobHandler } from "@penstock/queues/queues";
import type { FetchContext, PipelineContext } from "./context.ts";
import { fetchPage } from "./fetch.ts";
import { redriveLetter, settleRedrive } from "./redrive.ts";
import { settleFetch } from "./settle-fetch.ts";
import { tick } from "./tick.ts";
import { settleTransform, transformPage } from "./transform.ts";

/** The handler of each job type, for the workers that take them. */
export function tickHandler(context: PipelineContext): JobHandler<"tick"> {
  return {
    handle: (payload) => tick(context, payload),
    // The next tick tries again; there is nothing to account for.
    settle: async (payload, error) => context.logger.error({ ...payload, err: error }, "tick failed"),
  };
}

export function fetchHandler(context: FetchContext): JobHandler<"fetch"> {
  return {
    handle: (payload, job) => fetchPage(context, payload, job),
    settle: (payload, error) => settleFetch(context, payload, error),
  };
}

export function transformHandler(context: PipelineContext): JobHandler<"transform"> {
  return {
    handle: (payload) => transformPage(context, payload),
    settle: (payload, error) => settleTransform(context, payload, error),
  };
}

export function redriveHandler(context: PipelineContext): JobHandler<"redrive"> {
  return {
    handle: (payload) => redriveLetter(context, payload),
    settle: (payload, error) => settleRedrive(context, payload, error),
  };
}
