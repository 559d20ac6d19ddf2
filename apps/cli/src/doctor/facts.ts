import type { QueueInspection } from "@penstock/queues/inspect-queue";
import type { UnattendedQueue } from "@penstock/queues/queues";

/** What was found out about an installation, judged by `diagnose`. `Failed`: it could not be found out, and why. */
export type Facts = {
  node: string;
  config: Known<{ queue: string; database: string; dataDir: string }>;
  disk: Known<{ path: string; freeBytes: number }> | undefined;
  sources: Known<SourceFacts> | undefined;
  database: Known<{ version: string; now: Date }> | undefined;
  /** `undefined` within: the embedded queue. */
  queue: Known<QueueInspection | undefined> | undefined;
  /** `null` within: the embedded queue. */
  unattended: Known<UnattendedQueue[] | null> | undefined;
  /** Who has the data folder of the embedded queue open. */
  owner: { pid: number; healthUrl: string | undefined } | undefined;
  /** `answeredAt` by this machine's clock: an API may take long. */
  apis: { source: string; api: Known<{ apiDate: Date | null; answeredAt: Date }> }[];
  /** This machine's clock when database and queue were asked; they answer at once, or not at all. */
  now: Date;
};

export type Known<T> = { isKnown: true; value: T } | Failed;
export type Failed = { isKnown: false; code: string; message: string; remedy: string };

export type SourceFacts = {
  ready: string[];
  unconfigured: { name: string; problems: string[] }[];
  problems: { message: string; remedy: string }[];
};
