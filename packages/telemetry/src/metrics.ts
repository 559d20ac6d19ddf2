import { type Account, outcomes } from "@penstock/core/account";
import type { ContractAction, DriftKind } from "@penstock/core/drift";
import type { ErrorCode } from "@penstock/core/error-codes";
import type { RunStatus } from "@penstock/core/run";
import type { BreakerState } from "@penstock/core/source-state";
import { collectDefaultMetrics, Gauge } from "prom-client";
import { type CollectedMetric, collectFrom } from "./collected.ts";
import { createInstruments, createRegistry } from "./instruments.ts";
import { metricDefinitions as defined } from "./metric-definitions.ts";
import { createObservations, type Observe } from "./observations.ts";
import { thisProcess } from "./this-process.ts";

type Of = { source: string; stream: string };
type Timed = { durationMs: number };
export type JobOutcome = "done" | "retried" | "failed";

/** What the program counts. One method per event, so that names and labels stand in one place. */
export type Metrics = {
  /** A request that brought a page. */
  pageFetched(event: Of & Timed & { status: number; sizeBytes: number }): void;
  /** A request that brought none; `status` where there was an answer. */
  requestFailed(event: Of & Timed & { status: number | undefined }): void;
  throttled(event: Of): void;
  /** What an answer said of the requests that are left. */
  rateLimitSeen(event: { source: string; remaining: number; limit: number | null }): void;
  breakerChanged(event: { source: string; state: BreakerState }): void;
  pageTransformed(event: Of & Timed): void;
  pageCommitted(event: Of & Timed & { account: Account; isFirst: boolean }): void;
  pageGivenUp(event: Of): void;
  accountViolated(event: Of): void;
  deadLettered(event: Of & { code: ErrorCode }): void;
  drifted(event: Of & { kind: DriftKind; action: ContractAction; records: number }): void;
  runEnded(event: Of & { status: RunStatus }): void;
  recordsDeleted(event: Of & { records: number }): void;
  jobEnded(event: Timed & { queue: string; type: string; outcome: JobOutcome }): void;
  jobRetried(event: { queue: string; code: ErrorCode }): void;
  /** Has what an alert looks at begin at 0: of a counter that first appears at 1, Prometheus sees no increase. */
  expect(streams: readonly Of[]): void;
  /** Looks metrics up whenever they are read. */
  observe: Observe;
  /** All metrics in the OpenMetrics format. */
  read(): Promise<{ contentType: string; text: string }>;
  /** The same as values. */
  collect(): Promise<CollectedMetric[]>;
};

export type MetricsOptions = {
  /** Adds memory, CPU, event loop and garbage collection of this process. Once per process: its observers never end. */
  withProcess?: boolean;
};

const endings: readonly RunStatus[] = ["succeeded", "incomplete", "failed", "superseded", "cancelled"];

export function createMetrics({ withProcess = false }: MetricsOptions = {}): Metrics {
  const registry = createRegistry();
  if (withProcess) tellOfProcess(registry);
  const instruments = createInstruments(registry);
  const { observe, refresh } = createObservations(instruments);
  const accountViolations = instruments.counter(defined.accountViolations);
  const drift = instruments.counter(defined.drift);
  const runsEnded = instruments.counter(defined.runsEnded);
  const deleted = instruments.counter(defined.recordsDeleted);
  return {
    ...requestEvents(instruments),
    ...pageEvents(instruments),
    ...jobEvents(instruments),
    accountViolated: ({ source, stream }) => accountViolations.add({ source, stream }),
    drifted: ({ source, stream, kind, action, records: count }) => drift.add({ source, stream, kind, action }, count),
    recordsDeleted: ({ source, stream, records: count }) => deleted.add({ source, stream }, count),
    runEnded: ({ source, stream, status }) => runsEnded.add({ source, stream, status }),
    expect: (streams) => {
      for (const { source, stream } of streams) {
        accountViolations.add({ source, stream }, 0);
        for (const status of endings) runsEnded.add({ source, stream, status }, 0);
      }
    },
    observe,
    read: async () => {
      await refresh();
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    collect: async () => {
      await refresh();
      return await collectFrom(registry);
    },
  };
}

/** Its figures, and whose they are: Prometheus knows an address only, which no line of a log has. */
function tellOfProcess(registry: ReturnType<typeof createRegistry>): void {
  const { host, pid } = thisProcess();
  const info = new Gauge({
    name: "penstock_process_info",
    help: "1, with the host and process number that are in each line of the log. In a container the host is its id.",
    labelNames: ["host", "pid"],
    registers: [registry],
  });
  info.set({ host, pid: String(pid) }, 1);
  collectDefaultMetrics({ register: registry, prefix: "penstock_" });
}

type Instruments = ReturnType<typeof createInstruments>;

function requestEvents({ counter, gauge, histogram }: Instruments) {
  const requests = counter(defined.requests);
  const duration = histogram(defined.requestDuration);
  const size = counter(defined.responseSize);
  const throttles = counter(defined.throttles);
  const remainingRequests = gauge(defined.rateLimitRemaining);
  const headroom = gauge(defined.rateLimitHeadroom);
  const breakerChanges = counter(defined.breakerChanges);
  const answered = ({ source, stream, durationMs }: Of & Timed, code: number | undefined) => {
    const labels = { source, stream, status: statusClass(code) };
    requests.add(labels);
    duration.observe(labels, durationMs / 1_000);
  };
  return {
    pageFetched: (event) => {
      answered(event, event.status);
      size.add({ source: event.source, stream: event.stream }, event.sizeBytes);
    },
    requestFailed: (event) => answered(event, event.status),
    throttled: ({ source, stream }) => throttles.add({ source, stream }),
    rateLimitSeen: ({ source, remaining, limit }) => {
      remainingRequests.set({ source }, remaining);
      if (limit !== null && limit > 0) headroom.set({ source }, Math.min(1, remaining / limit));
    },
    breakerChanged: ({ source, state }) => breakerChanges.add({ source, state }),
  } satisfies Partial<Metrics>;
}

function pageEvents({ counter, histogram }: Instruments) {
  const pages = counter(defined.pages);
  const repeatedPages = counter(defined.repeatedPages);
  const givenUpPages = counter(defined.givenUpPages);
  const records = counter(defined.records);
  const pageRecords = histogram(defined.pageRecords);
  const transformDuration = histogram(defined.transformDuration);
  const commitDuration = histogram(defined.commitDuration);
  const deadLetters = counter(defined.deadLetters);
  return {
    pageTransformed: ({ source, stream, durationMs }) =>
      transformDuration.observe({ source, stream }, durationMs / 1_000),
    pageCommitted: ({ source, stream, account, isFirst, durationMs }) => {
      const of = { source, stream };
      commitDuration.observe(of, durationMs / 1_000);
      if (!isFirst) return repeatedPages.add(of);
      pages.add(of);
      pageRecords.observe(of, account.fetched);
      for (const outcome of outcomes) records.add({ ...of, outcome }, account[outcome]);
    },
    pageGivenUp: ({ source, stream }) => givenUpPages.add({ source, stream }),
    deadLettered: ({ source, stream, code }) => deadLetters.add({ source, stream, code }),
  } satisfies Partial<Metrics>;
}

function jobEvents({ counter, histogram }: Instruments) {
  const duration = histogram(defined.jobDuration);
  const retries = counter(defined.jobRetries);
  return {
    jobEnded: ({ queue, type, outcome, durationMs }) => duration.observe({ queue, type, outcome }, durationMs / 1_000),
    jobRetried: ({ queue, code }) => retries.add({ queue, code }),
  } satisfies Partial<Metrics>;
}

function statusClass(status: number | undefined): string {
  return status === undefined ? "none" : `${Math.floor(status / 100)}xx`;
}
