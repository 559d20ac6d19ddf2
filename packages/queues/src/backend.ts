import {
  FlowProducer,
  type IQueueBackend,
  type Job,
  type JobJson,
  type JobProgress,
  type Processor,
  Queue,
  Worker,
  type WorkerOptions,
} from "bullmq";
import { type HeldLock, keyPrefix, type QueueDriver } from "./driver.ts";
import { type EmbeddedSettings, openEmbeddedDriver } from "./embedded-driver.ts";
import type { EmbeddedLock, EmbeddedLockInfo } from "./embedded-lock.ts";
import { createErrorReporter, type ErrorReporter, type QueueLogger } from "./error-reporter.ts";
import { createGate, type Gate } from "./gate.ts";
import { openPostgresDriver, type PostgresSettings } from "./postgres-driver.ts";
import type { PoolUse } from "./queues.ts";
import { openRedisDriver } from "./redis-driver.ts";
import type { RedisSettings } from "./redis-settings.ts";
import { restBeforeWaiting } from "./resting-backend.ts";
import { strictBackend } from "./strict-backend.ts";

export type QueueSettings =
  | ({ kind: "embedded" } & EmbeddedSettings)
  | ({ kind: "redis" } & RedisSettings)
  | ({ kind: "postgres" } & PostgresSettings);

export type BackendOptions = {
  logger?: QueueLogger;
  /** For looking only: changes nothing on the server. */
  isReadOnly?: boolean;
};

export type BullQueue = Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend, unknown>;

type BaseWorker = Worker<unknown, unknown, string, IQueueBackend, JobProgress, unknown>;

/** How long a worker that has jobs at work does not look for more beside those that they bring. */
const restMs = 50;

/** A class because only one can reach what BullMQ protects: the jobs of a worker, and the timers of one that never comes to close. */
export class BullWorker extends Worker<unknown, unknown, string, IQueueBackend, JobProgress, unknown> {
  /** From when they arrive until the server knows what became of them, which is longer than BullMQ itself counts them as its own. */
  readonly #delivered = new Set<BullJob>();
  #endRest: () => void = () => undefined;

  /** Whether the job under this lock was delivered to it and is not done. */
  holds({ jobId, token }: HeldLock): boolean {
    return this.#delivered.values().some((job) => job.id === jobId && job.token === token);
  }

  protected override async nextJobFromJobData(jobData?: JobJson, jobId?: string, token?: string): Promise<BullJob> {
    const job: BullJob = await super.nextJobFromJobData(jobData, jobId, token);
    // None when nothing waits, whatever the type says.
    if (job !== undefined) this.#delivered.add(job);
    return job;
  }

  override async processJob(...given: Parameters<BaseWorker["processJob"]>): ReturnType<BaseWorker["processJob"]> {
    const next = await super.processJob(...given).finally(() => this.#delivered.delete(given[0]));
    if (next === undefined && this.#delivered.size === 0) this.#endRest();
    return next;
  }

  /**
   * Before it waits for jobs: a moment while it has some at work, or until the last of them ends and brings no other. A job that ends takes
   * the next one along; one that is looked for beside it takes three more questions, of which two are in vain, since BullMQ wakes a worker
   * once more for each job that it took. While another is at work, one that ends and brings none is no reason to look: of a chain, the next
   * would be taken from the job that goes on, which then brings none either, and so on.
   */
  async rest(): Promise<void> {
    if (this.#delivered.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#endRest = resolve;
    const timer = setTimeout(resolve, restMs);
    await promise;
    clearTimeout(timer);
  }

  /** Stops renewing locks and looking for stalled jobs. Its jobs are taken for stalled by other workers in time. */
  async abandon(): Promise<void> {
    await this.lockManager.close();
    await this.pause(true);
  }
}

export type BullJob = Job<unknown, unknown, string>;
export type BullProducer = FlowProducer<IQueueBackend, unknown>;

/** A connection to where the jobs are. `createQueues` and `startWorker` work on it; Bull Board shows its queues. */
export type QueueBackend = {
  readonly kind: QueueDriver["kind"];
  readonly keepsCompleted: boolean;
  /** One BullMQ queue per name, opened when first asked for. */
  queue(name: string): BullQueue;
  readonly producer: BullProducer;
  renewProducer(error: unknown): boolean;
  readonly locksOf: QueueDriver["locksOf"];
  createWorker(
    name: string,
    processor: Processor<unknown, unknown, string>,
    options: Omit<WorkerOptions<unknown>, "connection">,
  ): BullWorker;
  /** Shared by the workers of this process. */
  readonly gate: Gate;
  readonly report: ErrorReporter;
  /** @throws InfrastructureError `QUEUE_UNAVAILABLE` within some seconds */
  ping(): Promise<void>;
  connections(): PoolUse | undefined;
  /** Embedded: tells others, through the data folder, how to ask this process. */
  updateLock(change: Pick<EmbeddedLockInfo, "healthUrl">): Promise<void>;
  releaseActive(): Promise<number>;
  /** Stop the workers first. Does not wait for a server that is away. */
  close(): Promise<void>;
};

/**
 * Opens the queue that the settings name. The only place that tells backends apart.
 *
 * @throws InfrastructureError `QUEUE_UNAVAILABLE` when its server does not answer within some seconds
 * @throws ConfigError `QUEUE_MISCONFIGURED` for a Redis that may lose jobs, `DATA_DIR_IN_USE` for an embedded queue
 * that another
 *   process has open, `CONFIG_INVALID` for an address that is none, `QUEUE_MISSING` for a Postgres without queues that is only looked at
 */
export async function openQueueBackend(
  settings: QueueSettings,
  { logger, isReadOnly = false }: BackendOptions = {},
): Promise<QueueBackend> {
  const report = createErrorReporter(logger);
  if (settings.kind === "redis")
    return createBackend(await openRedisDriver(settings, { logger, report, isReadOnly }), report, isReadOnly);
  if (settings.kind === "postgres")
    return createBackend(await openPostgresDriver(settings, { report, isReadOnly }), report, isReadOnly);
  const driver = await openEmbeddedDriver(settings, logger);
  return createBackend(driver, report, isReadOnly, driver.lock);
}

function createBackend(
  driver: QueueDriver,
  report: ErrorReporter,
  isReadOnly: boolean,
  lock?: EmbeddedLock,
): QueueBackend {
  const queues = new Map<string, BullQueue>();
  const common = { connection: undefined, prefix: keyPrefix };
  const producer: BullProducer = new FlowProducer<IQueueBackend, unknown>(common, (name, options, extra) =>
    strictBackend(driver.producerFactory(name, options, extra)),
  );
  producer.on("error", (error) => report("producer", error));

  function openQueue(name: string): BullQueue {
    const queue: BullQueue = new Queue(name, { ...common, skipMetasUpdate: isReadOnly }, driver.queueFactory);
    queue.on("error", (error) => report(name, error));
    queues.set(name, queue);
    return queue;
  }

  return {
    kind: driver.kind,
    keepsCompleted: driver.keepsCompleted,
    queue: (name) => queues.get(name) ?? openQueue(name),
    producer,
    renewProducer: driver.renewProducer,
    locksOf: driver.locksOf,
    createWorker: (name, processor, options) => {
      const open = driver.workerFactory(options.concurrency ?? 1);
      const worker: BullWorker = new BullWorker(
        name,
        processor,
        { ...options, prefix: keyPrefix, connection: {} },
        (...given) => restBeforeWaiting(open(...given), () => worker.rest()),
      );
      return worker;
    },
    gate: createGate(),
    report,
    ping: driver.ping,
    connections: driver.connections,
    updateLock: async (change) => await lock?.update(change),
    releaseActive: driver.releaseActive,
    close: async () => {
      await Promise.all([producer, ...queues.values()].map((part) => part.close()));
      await driver.close();
    },
  };
}
