/*
 * Every metric there is. Names: penstock_<thing>_<unit>, counters end in _total. Labels are bounded – sources, streams, queues, codes –
 * and never ids. docs/metrics.md lists the same; a test holds the two together.
 */

export type MetricDefinition = {
  type: "counter" | "gauge" | "histogram";
  name: string;
  help: string;
  labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in its unit. */
  buckets?: readonly number[];
};

type Definitions = Record<string, MetricDefinition>;

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const sizes = [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/** What an API was asked, and what it said. */
const requestMetrics = {
  requests: {
    type: "counter",
    name: "penstock_requests_total",
    help: "Requests to APIs, by class of the answer: 2xx, 3xx, 4xx, 5xx, or none when there was no answer.",
    labels: ["source", "stream", "status"],
  },
  requestDuration: {
    type: "histogram",
    name: "penstock_request_duration_seconds",
    help: "Time until the whole answer was there, or until the request failed, by class of the answer.",
    labels: ["source", "stream", "status"],
    buckets: seconds,
  },
  responseSize: {
    type: "counter",
    name: "penstock_response_bytes_total",
    help: "Bytes of the answers that brought a page.",
    labels: ["source", "stream"],
  },
  throttles: {
    type: "counter",
    name: "penstock_throttles_total",
    help: "Times an API asked for a pause (429 or Retry-After).",
    labels: ["source", "stream"],
  },
  rateLimitRemaining: {
    type: "gauge",
    name: "penstock_rate_limit_remaining",
    help: "Requests that may still be sent before the API's window ends, as its last answer to this process said. Absent where it says nothing.",
    labels: ["source"],
  },
  rateLimitHeadroom: {
    type: "gauge",
    name: "penstock_rate_limit_headroom_ratio",
    help: "The same as a share of what the window allows.",
    labels: ["source"],
  },
  breakerChanges: {
    type: "counter",
    name: "penstock_breaker_changes_total",
    help: "Changes of a source's circuit breaker, by the state it came to: open, half-open, closed.",
    labels: ["source", "state"],
  },
} as const satisfies Definitions;

/** What became of pages and their records. */
const pageMetrics = {
  pages: {
    type: "counter",
    name: "penstock_pages_committed_total",
    help: "Pages committed, each counted once.",
    labels: ["source", "stream"],
  },
  repeatedPages: {
    type: "counter",
    name: "penstock_pages_repeated_total",
    help: "Pages that arrived again after their commit: upserted once more, and not in the accounts.",
    labels: ["source", "stream"],
  },
  givenUpPages: {
    type: "counter",
    name: "penstock_pages_given_up_total",
    help: "Pages that could not be transformed or committed as a whole: dead letters with all their records.",
    labels: ["source", "stream"],
  },
  records: {
    type: "counter",
    name: "penstock_records_total",
    help: "Records of committed pages, by what became of them.",
    labels: ["source", "stream", "outcome"],
  },
  pageRecords: {
    type: "histogram",
    name: "penstock_page_records",
    help: "Records of a committed page.",
    labels: ["source", "stream"],
    buckets: sizes,
  },
  transformDuration: {
    type: "histogram",
    name: "penstock_transform_duration_seconds",
    help: "Time to validate and transform a page, the wait for a thread included.",
    labels: ["source", "stream"],
    buckets: seconds,
  },
  commitDuration: {
    type: "histogram",
    name: "penstock_commit_duration_seconds",
    help: "Time of a page's transaction.",
    labels: ["source", "stream"],
    buckets: seconds,
  },
  accountViolations: {
    type: "counter",
    name: "penstock_account_violations_total",
    help: "Pages whose account did not add up. Any at all is a bug.",
    labels: ["source", "stream"],
  },
  deadLetters: {
    type: "counter",
    name: "penstock_dead_letters_total",
    help: "Dead letters written, by error code.",
    labels: ["source", "stream", "code"],
  },
  drift: {
    type: "counter",
    name: "penstock_schema_drift_total",
    help: "Records that had something the schema does not say, once for each field, by what the contract does.",
    labels: ["source", "stream", "kind", "action"],
  },
  runsEnded: {
    type: "counter",
    name: "penstock_runs_ended_total",
    help: "Runs that ended, by status.",
    labels: ["source", "stream", "status"],
  },
  recordsDeleted: {
    type: "counter",
    name: "penstock_records_deleted_total",
    help: "Records marked as deleted because two full runs missed them.",
    labels: ["source", "stream"],
  },
} as const satisfies Definitions;

/** What workers did. */
const jobMetrics = {
  jobDuration: {
    type: "histogram",
    name: "penstock_job_duration_seconds",
    help: "Time a worker spent on a job, by queue, type of job (tick, fetch, transform, redrive) and what came of it: done, retried, failed.",
    labels: ["queue", "type", "outcome"],
    buckets: seconds,
  },
  jobRetries: {
    type: "counter",
    name: "penstock_job_retries_total",
    help: "Attempts that failed and are made again, by error code.",
    labels: ["queue", "code"],
  },
} as const satisfies Definitions;

/** How the installation stands, when asked. The scheduler alone exports these. */
export const stateMetrics = {
  queueJobs: {
    type: "gauge",
    name: "penstock_queue_jobs",
    help: "Jobs in a queue, by state: waiting, active, delayed, failed.",
    labels: ["queue", "state"],
  },
  queueOldestAge: {
    type: "gauge",
    name: "penstock_queue_oldest_age_seconds",
    help: "Age of the oldest job in a queue, by state: waiting, active, delayed, failed; 0 where there is none.",
    labels: ["queue", "state"],
  },
  checkpointAge: {
    type: "gauge",
    name: "penstock_checkpoint_age_seconds",
    help: "Since a stream's checkpoint last changed.",
    labels: ["source", "stream"],
  },
  watermarkAge: {
    type: "gauge",
    name: "penstock_watermark_age_seconds",
    help: "Now minus the watermark: how old the newest committed record is by its event time. Absent where records have none.",
    labels: ["source", "stream"],
  },
  lastSuccessAge: {
    type: "gauge",
    name: "penstock_last_success_age_seconds",
    help: "Since the last run that succeeded ended; where none has yet, since the first began; where none did and there is an objective, since the scheduler started.",
    labels: ["source", "stream"],
  },
  freshnessObjective: {
    type: "gauge",
    name: "penstock_freshness_objective_seconds",
    help: "How old the last success may be at most: `freshness` in the stream's definition. Absent without one.",
    labels: ["source", "stream"],
  },
  streamPaused: {
    type: "gauge",
    name: "penstock_stream_paused",
    help: "1 while a stream is paused, else 0.",
    labels: ["source", "stream"],
  },
  liveRuns: {
    type: "gauge",
    name: "penstock_runs_live",
    help: "Runs under way.",
    labels: ["source", "stream"],
  },
  partitionsDue: {
    type: "gauge",
    name: "penstock_partitions_due",
    help: "Partitions of a child stream that are to be run.",
    labels: ["source", "stream"],
  },
  partitionsFailing: {
    type: "gauge",
    name: "penstock_partitions_failing",
    help: "Partitions of a child stream whose last run failed.",
    labels: ["source", "stream"],
  },
  openLetters: {
    type: "gauge",
    name: "penstock_dead_letters_open",
    help: "Dead letters that wait for a decision.",
    labels: ["source", "stream"],
  },
  deletionsWaiting: {
    type: "gauge",
    name: "penstock_deletions_waiting",
    help: "Full runs that found more records gone than the stream allows, and wait for a decision.",
    labels: ["source", "stream"],
  },
  breakerState: {
    type: "gauge",
    name: "penstock_breaker_state",
    help: "1 for the state that a source's circuit breaker is in (open, half-open, closed), 0 for the others.",
    labels: ["source", "state"],
  },
  throttled: {
    type: "gauge",
    name: "penstock_throttle_remaining_seconds",
    help: "How long an API is still left alone because it asked for it, or 0.",
    labels: ["source"],
  },
} as const satisfies Definitions;

/** What every process says of itself. */
export const processMetrics = {
  backendUp: {
    type: "gauge",
    name: "penstock_backend_up",
    help: "1 while this process reaches the database or the queue, 0 while it does not.",
    labels: ["backend"],
  },
  connections: {
    type: "gauge",
    name: "penstock_connections",
    help: "Connections of this process to database and queue, by state: busy, idle, and waiting for who waits to get one.",
    labels: ["backend", "state"],
  },
} as const satisfies Definitions;

export const metricDefinitions = {
  ...requestMetrics,
  ...pageMetrics,
  ...jobMetrics,
  ...stateMetrics,
  ...processMetrics,
} as const satisfies Definitions;

/** Metrics that are set when asked for, by who observes them. */
export type ObservedMetric = keyof typeof stateMetrics | keyof typeof processMetrics;
