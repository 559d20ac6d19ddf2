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

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export const metricDefinitions = {
  requests: {
    type: "counter",
    name: "penstock_requests_total",
    help: "Requests to APIs, by class of the answer: 2xx, 3xx, 4xx, 5xx, or none when there was no answer.",
    labels: ["source", "stream", "status"],
  },
  requestDuration: {
    type: "histogram",
    name: "penstock_request_duration_seconds",
    help: "Time until the whole answer was there, of requests that brought a page.",
    labels: ["source", "stream"],
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
  breakerChanges: {
    type: "counter",
    name: "penstock_breaker_changes_total",
    help: "Changes of a source's circuit breaker, by the state it came to: open, half-open, closed.",
    labels: ["source", "state"],
  },
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
  records: {
    type: "counter",
    name: "penstock_records_total",
    help: "Records of committed pages, by what became of them.",
    labels: ["source", "stream", "outcome"],
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
    help: "Committed pages whose account does not add up. Any at all is a bug.",
    labels: ["source", "stream"],
  },
  deadLetters: {
    type: "counter",
    name: "penstock_dead_letters_total",
    help: "Dead letters written, by error code.",
    labels: ["source", "stream", "code"],
  },
  runsEnded: {
    type: "counter",
    name: "penstock_runs_ended_total",
    help: "Runs that ended, by status.",
    labels: ["source", "stream", "status"],
  },
  jobDuration: {
    type: "histogram",
    name: "penstock_job_duration_seconds",
    help: "Time a worker spent on a job, by queue and what came of it: done, retried, failed.",
    labels: ["queue", "outcome"],
    buckets: seconds,
  },
  jobRetries: {
    type: "counter",
    name: "penstock_job_retries_total",
    help: "Attempts that failed and are made again, by error code.",
    labels: ["queue", "code"],
  },
  queueJobs: {
    type: "gauge",
    name: "penstock_queue_jobs",
    help: "Jobs in a queue, by state, when asked.",
    labels: ["queue", "state"],
  },
} as const satisfies Record<string, MetricDefinition>;
