import type { BackendFactory, IQueueBackend } from "bullmq";
import type { PoolUse } from "./queues.ts";

export type QueueFactory = BackendFactory<IQueueBackend, unknown>;

/** The lock of a job that is active: it names the worker that the job was handed to. */
export type HeldLock = { jobId: string; token: string };

/** What the backends differ in. Everything else in this package treats them alike. */
export type QueueDriver = {
  readonly kind: "embedded" | "redis" | "postgres";
  /** Whether completed jobs may be kept for a while; see the catalog. */
  readonly keepsCompleted: boolean;
  /** Connects queues: short commands only. */
  readonly queueFactory: QueueFactory;
  /** Connects the one producer. */
  readonly producerFactory: QueueFactory;
  /** Connects a worker that runs up to `concurrency` jobs at a time. */
  workerFactory(concurrency: number): QueueFactory;
  ping(): Promise<void>;
  connections(): PoolUse | undefined;
  /** Gives the producer a new connection when the error says that the old one would go on failing; true if it did. */
  renewProducer(error: unknown): boolean;
  /** Of the active jobs of a queue, those handed to this worker. */
  locksOf(queue: string, workerId: string): Promise<HeldLock[]>;
  /** See Queues. */
  releaseActive(): Promise<number>;
  /** Never waits for a server. */
  close(): Promise<void>;
};

/** Keeps our keys apart from other programs' in a Redis that is shared. */
export const keyPrefix = "penstock";

/**
 * How often a job may lose its worker before it is given up. A stalled neighbour is no reason for that, hence several
 * times.
 */
export const maxStalledCount = 5;
