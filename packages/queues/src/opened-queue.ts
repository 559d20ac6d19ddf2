import type { QueueTarget } from "@penstock/testing/databases";
import { openQueueBackend, type QueueBackend } from "./backend.ts";
import { fetchQueue } from "./catalog.ts";
import { createQueues, type QueuesOptions } from "./create-queues.ts";
import type { QueueDepth, Queues, RunningWorker, WorkerDefinition } from "./queues.ts";
import { startWorker } from "./worker.ts";

/** An empty queue of some kind, opened for a test file; what a test starts on it is stopped with it. */
export type OpenedQueue = {
  backend: QueueBackend;
  queues(options?: Partial<QueuesOptions>): Queues;
  start(source: string, definition: Omit<WorkerDefinition, "queue">): RunningWorker;
  depthOf(source: string): Promise<QueueDepth | undefined>;
  /** Of the only job of a source; `gone` when it was completed, whether or not it is kept for a while. */
  stateOf(source: string, jobId: string): Promise<string>;
  close(): Promise<void>;
};

export async function openTarget(target: QueueTarget): Promise<OpenedQueue> {
  const { settings, drop } = await target.create();
  const backend = await openQueueBackend(settings);
  const workers: RunningWorker[] = [];
  const queues = (options: Partial<QueuesOptions> = {}) => createQueues(backend, { sources: "all", ...options });
  return {
    backend,
    queues,
    start: (source, definition) => {
      const worker = startWorker(backend, { queue: fetchQueue(source), ...definition });
      workers.push(worker);
      return worker;
    },
    depthOf: async (source) =>
      (await queues({ sources: [source] }).depths()).find(({ queue }) => queue === fetchQueue(source)),
    stateOf: async (source, jobId) => {
      const state = await backend.queue(fetchQueue(source)).getJobState(jobId);
      return state === "completed" || state === "unknown" ? "gone" : state;
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.stop(0)));
      await backend.close();
      await drop();
    },
  };
}
