import type { JobPayloads, JobType } from "@penstock/queues/catalog";
import type { FailedJob, NewJob, Queues } from "@penstock/queues/queues";

type JobOf<T extends JobType> = Extract<NewJob, { type: T }>;

/** Queues whose jobs nobody works on until a test takes them: in any order, twice, or never. */
export type ManualQueues = Queues & {
  /** What waits, oldest first. */
  readonly jobs: NewJob[];
  /** Takes the oldest job of a type out. Throws when there is none. */
  take<T extends JobType>(type: T): JobPayloads[T];
  /** Forgets everything, as a queue server that lost its data. */
  lose(): void;
  /** Lets the next `enqueue` fail with this error, adding nothing. */
  refuseNext(error: Error): void;
};

export function createManualQueues(): ManualQueues {
  const jobs: NewJob[] = [];
  let refusal: Error | undefined;

  return {
    kind: "embedded",
    jobs,
    take: <T extends JobType>(type: T): JobPayloads[T] => {
      const index = jobs.findIndex((job) => job.type === type);
      if (index === -1)
        throw new Error(`no ${type} job waits; there are: ${jobs.map((job) => job.type).join(", ") || "none"}`);
      return (jobs.splice(index, 1)[0] as JobOf<T>).payload as JobPayloads[T];
    },
    lose: () => void jobs.splice(0),
    refuseNext: (error) => {
      refusal = error;
    },
    enqueue: async (added) => {
      const error = refusal;
      refusal = undefined;
      if (error !== undefined) throw error;
      jobs.push(...added);
    },
    runsWithJobs: async (runs) => {
      const ids = new Set(runs.map(({ runId }) => runId));
      return new Set(
        jobs.flatMap(({ payload }) => ("runId" in payload && ids.has(payload.runId) ? payload.runId : [])),
      );
    },
    transformBacklog: async () => jobs.filter((job) => job.type === "transform").length,
    depths: async () => [],
    oldestJobs: async () => [],
    unattended: async () => [],
    connections: () => undefined,
    failedJobs: () => given([]),
    ping: async () => {},
    applyLimits: async () => {},
    holdsLimits: async () => true,
    applySchedule: async () => {},
    nextTick: async () => undefined,
    mirrorLetters: async () => {},
    releaseActive: async () => 0,
    close: async () => {},
  };
}

/** What queues have as failed jobs. */
export async function* given(jobs: FailedJob[]): AsyncGenerator<FailedJob> {
  yield* jobs;
}
