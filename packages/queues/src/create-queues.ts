import { ask } from "./ask.ts";
import type { BullQueue, QueueBackend } from "./backend.ts";
import { deadLetterQueue, fetchQueue, tickQueue, transformQueue } from "./catalog.ts";
import { createEnqueue } from "./enqueue.ts";
import { eachFailedJob } from "./failed-jobs.ts";
import { mirrorLetters } from "./letter-mirror.ts";
import type { OldestJob, QueueDepth, Queues, UnattendedQueue } from "./queues.ts";
import { runsAmong } from "./run-jobs.ts";
import { applySchedule, nextTick } from "./schedules.ts";
import { applyLimits, createLimitCheck, readRegistry } from "./source-limits.ts";

export type QueuesOptions = {
  /** Names of the sources that this process knows, or all that ever had their limits applied. */
  sources: readonly string[] | "all";
  /**
   * True by default: a queue takes no job whose id it has. Nothing may depend on it but the amount of work; tests
   * switch it off.
   */
  isDeduplicated?: boolean;
  /** How long to wait for the queue's server before giving up, 10 s by default. */
  timeoutMs?: number;
};

/**
 * The queues of the catalog, on a backend. Every function throws `InfrastructureError QUEUE_UNAVAILABLE` when its
 * server is away.
 */
export function createQueues(backend: QueueBackend, options: QueuesOptions): Queues {
  const { sources, isDeduplicated = true, timeoutMs = 10_000 } = options;
  const { queue } = backend;
  const fetchQueues = async () => {
    const names = sources === "all" ? await readRegistry(backend) : sources;
    return names.map((source) => queue(fetchQueue(source)));
  };
  const holdsLimits = createLimitCheck(backend);
  const workQueues = async () => [queue(tickQueue), ...(await fetchQueues()), queue(transformQueue)];
  const asked = <T>(what: string, question: () => Promise<T>) => ask(what, question, timeoutMs);

  return {
    kind: backend.kind,
    ping: backend.ping,
    enqueue: createEnqueue(backend, { isDeduplicated, timeoutMs }),
    applyLimits: (source, limits) => asked(`limits of ${source}`, () => applyLimits(backend, source, limits)),
    holdsLimits: (source, limits) => asked(`limits of ${source}`, () => holdsLimits(source, limits)),
    applySchedule: (source, stream, schedule) =>
      asked(`schedule of ${source}.${stream}`, () =>
        applySchedule(queue(tickQueue), { source, stream, schedule }, backend.keepsCompleted),
      ),
    nextTick: (source, stream) =>
      asked(`schedule of ${source}.${stream}`, () => nextTick(queue(tickQueue), source, stream)),
    depths: () =>
      asked("queue depths", async () => Promise.all([...(await workQueues()), queue(deadLetterQueue)].map(readDepth))),
    oldestJobs: () =>
      asked("oldest jobs", async () => (await Promise.all((await workQueues()).map(readOldest))).flat()),
    unattended: (dueForMs) =>
      asked("queues that nobody works on", async () => {
        const found = await Promise.all((await workQueues()).map((each) => readUnattended(each, dueForMs)));
        return found.filter((each) => each !== undefined);
      }),
    connections: backend.connections,
    transformBacklog: () =>
      asked("transform backlog", () =>
        queue(transformQueue).getJobCountByTypes("wait", "prioritized", "active", "delayed"),
      ),
    runsWithJobs: (runs) =>
      asked(`jobs of ${runs.length} run(s)`, () => {
        const names = new Set(runs.map(({ source }) => fetchQueue(source)));
        return runsAmong([...names, transformQueue].map(queue), new Set(runs.map(({ runId }) => runId)));
      }),
    failedJobs: async function* () {
      yield* eachFailedJob(backend, await asked("failed jobs", workQueues));
    },
    mirrorLetters: (letters) => asked("dead letters", () => mirrorLetters(queue(deadLetterQueue), letters)),
    releaseActive: () => asked("jobs of a former process", backend.releaseActive),
    // What it uses is the backend's, which its opener closes.
    close: async () => undefined,
  };
}

/** Of the first in line: of those that wait the one that is taken next; what a retry put back in front of it is younger. */
async function readOldest(queue: BullQueue): Promise<OldestJob[]> {
  const [[waiting], [active], [delayed], [failed]] = await Promise.all([
    queue.getWaiting(0, 0),
    queue.getActive(0, 0),
    queue.getDelayed(0, 0),
    queue.getFailed(0, 0),
  ]);
  const now = Date.now();
  return Object.entries({ waiting, active, delayed, failed } satisfies Record<OldestJob["state"], unknown>).map(
    ([state, job]) => ({
      queue: queue.name,
      state: state as OldestJob["state"],
      ageMs: job === undefined ? 0 : Math.max(0, now - job.timestamp),
    }),
  );
}

async function readUnattended(queue: BullQueue, leastMs: number): Promise<UnattendedQueue | undefined> {
  const [[waiting], [delayed]] = await Promise.all([queue.getWaiting(0, 0), queue.getDelayed(0, 0)]);
  // A delay is counted from when the job was made, or from when it was put off last.
  const dueAt = [waiting?.timestamp, delayed && Math.max(delayed.timestamp, delayed.processedOn ?? 0) + delayed.delay];
  const dueForMs = Date.now() - Math.min(...dueAt.map((at) => at ?? Number.POSITIVE_INFINITY));
  // Asked last: the server lists all its connections for it.
  if (dueForMs < leastMs || (await queue.getWorkersCount()) > 0) return undefined;
  return { queue: queue.name, dueForMs };
}

async function readDepth(queue: BullQueue): Promise<QueueDepth> {
  const {
    wait = 0,
    prioritized = 0,
    active = 0,
    delayed = 0,
    failed = 0,
  } = await queue.getJobCounts("wait", "prioritized", "active", "delayed", "failed");
  return { queue: queue.name, waiting: wait + prioritized, active, delayed, failed };
}
