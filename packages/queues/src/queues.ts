import type { BackoffOptions } from "@penstock/core/backoff";
import type { JobPayloads, JobType } from "./catalog.ts";

/** A job to enqueue: its type decides the queue, payload schema and options (see the catalog). */
export type NewJob = { [T in JobType]: { type: T; payload: JobPayloads[T]; jobId: string; delayMs?: number } }[JobType];

export type Queues = {
  readonly kind: "embedded" | "redis" | "postgres";
  ping(): Promise<void>;
  /**
   * Adds all jobs or throws `InfrastructureError QUEUE_UNAVAILABLE`. A job whose id the queue already has counts as
   * added.
   */
  enqueue(jobs: NewJob[]): Promise<void>;
  /** Applies concurrency and rate of a source to its fetch queue, for all workers. Idempotent. */
  applyLimits(source: string, limits: SourceLimits): Promise<void>;
  /**
   * True if the source's fetch queue holds these limits, or did 25 ms ago; else it is given them. Before each request, since a Redis
   * that lost its data hands out jobs without limits until somebody says them again.
   */
  holdsLimits(source: string, limits: SourceLimits): Promise<boolean>;
  /** Creates, changes or removes the Job Scheduler of a stream. Leaves one alone that is as it should be. */
  applySchedule(source: string, stream: string, schedule: QueueSchedule | undefined): Promise<void>;
  /** When the stream's next tick is due. */
  nextTick(source: string, stream: string): Promise<Date | undefined>;
  depths(): Promise<QueueDepth[]>;
  /** Age in milliseconds of the oldest job of each work queue and state, 0 where there is none; of those delayed, of the one due first. */
  oldestJobs(): Promise<OldestJob[]>;
  /** Work queues whose first job has been due for so long at least, and on which no worker is. */
  unattended(dueForMs: number): Promise<UnattendedQueue[]>;
  /** Connections to the queue's server that are in use, that are free, and who waits for one; `undefined` of the embedded one. */
  connections(): PoolUse | undefined;
  /** Jobs waiting in the transform queue, any state but finished: what back-pressure looks at. */
  transformBacklog(): Promise<number>;
  /**
   * Of the runs the ids of those with a job that is waiting, delayed, active or failed in the fetch or the transform queue, looked at in
   * that order. Reads the ids of all jobs there are, once for all the runs.
   */
  runsWithJobs(runs: readonly { source: string; runId: string }[]): Promise<ReadonlySet<string>>;
  /** Jobs in the failed sets, each once: given up by BullMQ without their processor having a say (stalled). */
  failedJobs(): AsyncIterable<FailedJob>;
  /**
   * Mirrors the newest letters into the queue `dead-letter`, for Bull Board. Adds what is missing, removes what is
   * gone.
   */
  mirrorLetters(letters: LetterMirror[]): Promise<void>;
  /**
   * Embedded only, else 0: puts jobs that a killed process left active back to waiting, since no other process can own
   * them. Those of this process' own workers stay.
   */
  releaseActive(): Promise<number>;
  close(): Promise<void>;
};

export type SourceLimits = { concurrency: number; rateLimit: { max: number; perMs: number } };

/** `delayMs`: ticks are acted on so much after their time. */
export type QueueSchedule = { everyMs: number; offsetMs: number } | { cron: string; timezone: string; delayMs: number };

export type PoolUse = { busy: number; idle: number; waiting: number };

export type OldestJob = { queue: string; state: "waiting" | "active" | "delayed" | "failed"; ageMs: number };

export type UnattendedQueue = { queue: string; dueForMs: number };

export type QueueDepth = { queue: string; waiting: number; active: number; delayed: number; failed: number };

export type FailedJob = {
  [T in JobType]: {
    type: T;
    payload: JobPayloads[T];
    jobId: string;
    reason: string;
    stalls: number;
    /** False once `retry` was called for it. */
    isFirstFailure: boolean;
    /** Removes it from the failed set. Only after the database has accounted for it. */
    remove(): Promise<void>;
    /** Puts it back to waiting as a new job that runs with no other beside it. */
    retry(): Promise<void>;
  };
}[JobType];

export type LetterMirror = { id: string; source: string; stream: string; code: string; message: string };

export type JobContext = {
  jobId: string;
  /** 1 for the first. */
  attempt: number;
  maxAttempts: number;
  /** How often the job was taken from a worker that died. */
  stalls: number;
  signal: AbortSignal;
};

/**
 * Nothing: the job is done. `deferMs`: not now – it comes back after so long. `throttleMs`: the same for the whole queue,
 * which stands still on all workers. Neither spends an attempt.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is the usual one
export type JobOutcome = void | { deferMs: number } | { throttleMs: number };

/**
 * What a worker does with a job. Throw one of core's error classes to have the queue do what `decide` says. `settle` is
 * called instead of failing the job when it is given up (a permanent error, or the last attempt): it must account for
 * the job in the database; the job leaves the queue only after it returned.
 */
export type JobHandler<T extends JobType> = {
  handle(payload: JobPayloads[T], context: JobContext): Promise<JobOutcome>;
  settle(payload: JobPayloads[T], error: unknown, context: JobContext): Promise<void>;
};

export type WorkerOptions = {
  concurrency: number;
  backoff: BackoffOptions;
  /** Total attempts, the first included. */
  attempts: number;
  /**
   * How long a job stays with a worker that no longer answers for it, 30 s by default: a worker that died holds its
   * jobs so long.
   */
  lockDurationMs?: number;
  /** How often to look for such jobs, 15 s by default. */
  stalledIntervalMs?: number;
};

export type WorkerDefinition = {
  queue: string;
  /** For the job types that go to this queue. */
  handlers: { [T in JobType]?: JobHandler<T> };
  options: WorkerOptions;
};

export type RunningWorker = {
  readonly queue: string;
  /** True while it takes jobs. */
  isRunning(): boolean;
  /**
   * Stops taking jobs, waits up to `graceMs` for those running, then aborts their signals and hands them back. True
   * when all of them finished. Never hangs, not even when the queue's server is away.
   */
  stop(graceMs: number): Promise<boolean>;
};
