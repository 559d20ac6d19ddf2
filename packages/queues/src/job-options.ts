import type { DefaultJobOptions } from "bullmq";
import { catalog, type JobType } from "./catalog.ts";

/** Name of the backoff strategy that workers bring along; see worker.ts. */
const workerBackoff = "worker";

/**
 * BullMQ must not give a job up by itself: its handler has a say in that, and the number of attempts is the worker's.
 * It cannot be told "no limit", so this is one that no job reaches.
 */
const unlimitedAttempts = 1_000_000_000;

/** The complete options of a job: the producer knows no defaults. */
export function jobOptions(type: JobType, keepsCompleted: boolean): DefaultJobOptions {
  const { sizeLimitBytes, keepCompleted } = catalog[type];
  return {
    attempts: unlimitedAttempts,
    backoff: { type: workerBackoff },
    removeOnComplete: keepsCompleted ? { count: keepCompleted.count, age: keepCompleted.ageSeconds } : true,
    removeOnFail: false,
    sizeLimit: sizeLimitBytes,
    stackTraceLimit: 1,
    keepLogs: 0,
  };
}
