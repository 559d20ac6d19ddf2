import { InfrastructureError } from "@penstock/core/errors";
import { catalog, type JobPayloads, type JobType, jobTypes } from "./catalog.ts";
import { unreadable } from "./enqueue.ts";
import type { JobContext, JobHandler, JobOutcome, WorkerDefinition } from "./queues.ts";

/** A handler and a payload of its type, brought together. */
export type BoundJob = {
  handle(context: JobContext): Promise<JobOutcome>;
  settle(error: unknown, context: JobContext): Promise<void>;
};

/** Finds a job's handler by the job's name. */
export type Binder = (name: string, data: unknown) => BoundJob;

export function createBinder(handlers: WorkerDefinition["handlers"]): Binder {
  const binders = new Map<string, (data: unknown) => BoundJob>();
  const register = <T extends JobType>(type: T) => {
    const handler: JobHandler<T> | undefined = handlers[type];
    if (handler !== undefined) binders.set(type, (data) => bind(type, handler, data));
  };
  for (const type of jobTypes) register(type);
  return (name, data) => binders.get(name)?.(data) ?? bindUnknown(name);
}

function bind<T extends JobType>(type: T, handler: JobHandler<T>, data: unknown): BoundJob {
  const parsed = catalog[type].payload.safeParse(data);
  return {
    handle: async (context) => {
      if (!parsed.success) throw unreadable(type, parsed.error);
      return await handler.handle(parsed.data, context);
    },
    // A payload that is not readable goes to the letter as it is.
    settle: (error, context) => handler.settle(parsed.success ? parsed.data : (data as JobPayloads[T]), error, context),
  };
}

/** A newer version's job, during a roll-out: it waits until a worker of that version takes it. */
function bindUnknown(name: string): BoundJob {
  const refuse = () =>
    Promise.reject(new InfrastructureError("PAYLOAD_UNREADABLE", `no handler here for jobs of type ${name}`));
  return { handle: refuse, settle: refuse };
}
