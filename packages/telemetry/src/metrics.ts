import { type Account, outcomes } from "@penstock/core/account";
import type { ErrorCode } from "@penstock/core/error-codes";
import type { RunStatus } from "@penstock/core/run";
import type { BreakerState } from "@penstock/core/source-state";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { metricDefinitions as defined, type MetricDefinition } from "./metric-definitions.ts";

type Of = { source: string; stream: string };
export type JobOutcome = "done" | "retried" | "failed";
export type QueueJobs = { queue: string; waiting: number; active: number; delayed: number; failed: number };

/** What the program counts. One method per event, so that names and labels stand in one place. */
export type Metrics = {
  /** A request that brought a page. */
  pageFetched(event: Of & { status: number; durationMs: number; sizeBytes: number }): void;
  /** A request that brought none; `status` where there was an answer. */
  requestFailed(event: Of & { status: number | undefined }): void;
  throttled(event: Of): void;
  breakerChanged(event: { source: string; state: BreakerState }): void;
  pageCommitted(event: Of & { account: Account; isFirst: boolean; durationMs: number }): void;
  accountViolated(event: Of): void;
  deadLettered(event: Of & { code: ErrorCode }): void;
  runEnded(event: Of & { status: RunStatus }): void;
  jobEnded(event: { queue: string; outcome: JobOutcome; durationMs: number }): void;
  jobRetried(event: { queue: string; code: ErrorCode }): void;
  /** Asks `read` for the depths whenever the metrics are read. When it fails, they are left out that time. */
  observeQueues(read: () => Promise<QueueJobs[]>): void;
  /** All metrics in Prometheus' text format. */
  read(): Promise<{ contentType: string; text: string }>;
};

export type MetricsOptions = {
  /** Adds memory, CPU, event loop and garbage collection of this process. Once per process: its observers never end. */
  withProcess?: boolean;
};

export function createMetrics({ withProcess = false }: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (withProcess) collectDefaultMetrics({ register: registry, prefix: "penstock_" });
  const counter = (of: MetricDefinition) => new Counter({ ...base(of), registers: [registry] });
  const histogram = (of: MetricDefinition) =>
    new Histogram({ ...base(of), buckets: [...(of.buckets ?? [])], registers: [registry] });
  const requests = counter(defined.requests);
  const requestDuration = histogram(defined.requestDuration);
  const responseSize = counter(defined.responseSize);
  const throttles = counter(defined.throttles);
  const breakerChanges = counter(defined.breakerChanges);
  const pages = counter(defined.pages);
  const repeatedPages = counter(defined.repeatedPages);
  const records = counter(defined.records);
  const commitDuration = histogram(defined.commitDuration);
  const accountViolations = counter(defined.accountViolations);
  const deadLetters = counter(defined.deadLetters);
  const runsEnded = counter(defined.runsEnded);
  const jobDuration = histogram(defined.jobDuration);
  const jobRetries = counter(defined.jobRetries);

  return {
    pageFetched: ({ source, stream, status, durationMs, sizeBytes }) => {
      requests.inc({ source, stream, status: statusClass(status) });
      requestDuration.observe({ source, stream }, durationMs / 1_000);
      responseSize.inc({ source, stream }, sizeBytes);
    },
    requestFailed: ({ source, stream, status }) => requests.inc({ source, stream, status: statusClass(status) }),
    throttled: ({ source, stream }) => throttles.inc({ source, stream }),
    breakerChanged: ({ source, state }) => breakerChanges.inc({ source, state }),
    pageCommitted: ({ source, stream, account, isFirst, durationMs }) => {
      commitDuration.observe({ source, stream }, durationMs / 1_000);
      if (!isFirst) return repeatedPages.inc({ source, stream });
      pages.inc({ source, stream });
      for (const outcome of outcomes) records.inc({ source, stream, outcome }, account[outcome]);
    },
    accountViolated: ({ source, stream }) => accountViolations.inc({ source, stream }),
    deadLettered: ({ source, stream, code }) => deadLetters.inc({ source, stream, code }),
    runEnded: ({ source, stream, status }) => runsEnded.inc({ source, stream, status }),
    jobEnded: ({ queue, outcome, durationMs }) => jobDuration.observe({ queue, outcome }, durationMs / 1_000),
    jobRetried: ({ queue, code }) => jobRetries.inc({ queue, code }),
    observeQueues: (read) => observeQueues(registry, read),
    read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function base({ name, help, labels }: MetricDefinition) {
  return { name, help, labelNames: [...labels] };
}

function observeQueues(registry: Registry, read: () => Promise<QueueJobs[]>): void {
  const gauge = new Gauge({ ...base(defined.queueJobs), registers: [registry], collect });

  async function collect(): Promise<void> {
    gauge.reset();
    // Depths are missing while the queue is away; readiness says why, and the other metrics must still be readable.
    const depths = await read().catch(() => []);
    for (const { queue, ...states } of depths) {
      for (const [state, jobs] of Object.entries(states)) gauge.set({ queue, state }, jobs);
    }
  }
}

function statusClass(status: number | undefined): string {
  return status === undefined ? "none" : `${Math.floor(status / 100)}xx`;
}
