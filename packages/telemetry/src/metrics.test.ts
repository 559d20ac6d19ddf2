import { setImmediate } from "node:timers/promises";
import { emptyAccount } from "@penstock/core/account";
import { describe, expect, it } from "vitest";
import { metricDefinitions, type ObservedMetric, processMetrics, stateMetrics } from "./metric-definitions.ts";
import { createMetrics } from "./metrics.ts";
import { inScope } from "./scope.ts";

const of = { source: "usgs", stream: "earthquakes" };
const labels = 'source="usgs",stream="earthquakes"';
const observed = [...Object.keys(stateMetrics), ...Object.keys(processMetrics)] as ObservedMetric[];

/** One event of every kind, and what it must show. */
function record(metrics: ReturnType<typeof createMetrics>): void {
  metrics.pageFetched({ ...of, status: 200, durationMs: 250, sizeBytes: 1_000 });
  metrics.requestFailed({ ...of, status: 503, durationMs: 10 });
  metrics.requestFailed({ ...of, status: undefined, durationMs: 30_000 });
  metrics.throttled(of);
  metrics.rateLimitSeen({ source: "usgs", remaining: 25, limit: 100 });
  metrics.breakerChanged({ source: "usgs", state: "open" });
  metrics.pageTransformed({ ...of, durationMs: 20 });
  metrics.pageGivenUp(of);
  metrics.pageCommitted({
    ...of,
    account: { ...emptyAccount, fetched: 5, inserted: 4, deadLettered: 1 },
    isFirst: true,
    durationMs: 30,
  });
  metrics.pageCommitted({
    ...of,
    account: { ...emptyAccount, fetched: 5, unchanged: 5 },
    isFirst: false,
    durationMs: 30,
  });
  metrics.accountViolated(of);
  metrics.deadLettered({ ...of, code: "RECORD_INVALID" });
  metrics.runEnded({ ...of, status: "succeeded" });
  metrics.jobEnded({ queue: "transform", type: "redrive", outcome: "done", durationMs: 40 });
  metrics.jobRetried({ queue: "fetch.usgs", code: "TIMEOUT" });
  metrics.observe(observed, async () => [
    { metric: "queueJobs", labels: { queue: "transform", state: "waiting" }, value: 7 },
  ]);
}

describe("metrics", () => {
  it.each([
    `penstock_requests_total{${labels},status="2xx"} 1`,
    `penstock_requests_total{${labels},status="5xx"} 1`,
    `penstock_requests_total{${labels},status="none"} 1`,
    `penstock_request_duration_seconds_bucket{le="0.25",${labels},status="2xx"} 1`,
    `penstock_response_bytes_total{${labels}} 1000`,
    `penstock_throttles_total{${labels}} 1`,
    `penstock_pages_committed_total{${labels}} 1`,
    `penstock_pages_repeated_total{${labels}} 1`,
    `penstock_records_total{${labels},outcome="inserted"} 4`,
    `penstock_records_total{${labels},outcome="deadLettered"} 1`,
    `penstock_records_total{${labels},outcome="unchanged"} 0`,
    `penstock_commit_duration_seconds_count{${labels}} 2`,
    `penstock_account_violations_total{${labels}} 1`,
    `penstock_dead_letters_total{${labels},code="RECORD_INVALID"} 1`,
    `penstock_runs_ended_total{${labels},status="succeeded"} 1`,
    `penstock_job_duration_seconds_count{queue="transform",type="redrive",outcome="done"} 1`,
    `penstock_job_retries_total{queue="fetch.usgs",code="TIMEOUT"} 1`,
    `penstock_rate_limit_headroom_ratio{source="usgs"} 0.25`,
    `penstock_pages_given_up_total{${labels}} 1`,
    `penstock_page_records_bucket{le="10",${labels}} 1`,
    `penstock_queue_jobs{queue="transform",state="waiting"} 7`,
  ])("has %s", async (line) => {
    const metrics = createMetrics();
    record(metrics);
    expect((await metrics.read()).text.split("\n")).toContain(line);
  });

  it("are named by rule, each of them is used, and none beside them", async () => {
    const metrics = createMetrics();
    record(metrics);
    const withoutTotal = (name: string) => name.replace(/_total$/, "");
    const exposed = [...(await metrics.read()).text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
      ([, name, type]) => `${type} ${name}`,
    );
    const defined = Object.values(metricDefinitions).map(({ type, name }) => `${type} ${withoutTotal(name)}`);
    expect(exposed.sort()).toEqual(defined.sort());
    for (const { type, name, labels: names } of Object.values(metricDefinitions)) {
      expect(name).toMatch(type === "counter" ? /^penstock_[a-z_]+_total$/ : /^penstock_[a-z_]+(?<!_total)$/);
      const bounded = [
        "source",
        "stream",
        "queue",
        "code",
        "status",
        "outcome",
        "state",
        "type",
        "backend",
        "kind",
        "action",
      ];
      expect(bounded).toEqual(expect.arrayContaining([...names]));
    }
  });

  it("leave the queues out while they do not answer", async () => {
    const metrics = createMetrics();
    metrics.observe(["queueJobs"], () => Promise.reject(new Error("away")));
    metrics.throttled(of);
    const { text } = await metrics.read();
    expect(text).toContain("penstock_throttles_total{");
    expect(text).not.toContain("penstock_queue_jobs{");
  });

  it("are all there for each of two who ask at once", async () => {
    const metrics = createMetrics();
    const jobs = { metric: "queueJobs", labels: { queue: "transform", state: "waiting" }, value: 7 } as const;
    const [later, up] = [Promise.withResolvers<[typeof jobs]>(), Promise.withResolvers<[]>()];
    const answers = [Promise.resolve([jobs]), later.promise];
    metrics.observe(["queueJobs"], () => answers.shift() ?? later.promise);
    metrics.observe(["backendUp"], () => up.promise);
    const first = metrics.read();
    await setImmediate();
    const second = metrics.read();
    up.resolve([]);
    expect((await first).text).toContain("penstock_queue_jobs{");
    later.resolve([jobs]);
    expect((await second).text).toContain("penstock_queue_jobs{");
  });

  it("keep the trace of a duration, as OpenMetrics has it", async () => {
    const metrics = createMetrics();
    const span = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", isSampled: true };
    inScope({ span, fields: {} }, () => record(metrics));
    expect((await metrics.read()).text).toMatch(
      /^penstock_request_duration_seconds_bucket\{le="30",.*status="none"\} 1 # \{trace_id="0af7651916cd43dd8448eb211c80319c"\} 30 [\d.]+$/m,
    );
  });

  it("begin at 0 where an alert looks at their increase", async () => {
    const metrics = createMetrics();
    metrics.expect([of]);
    const { text } = await metrics.read();
    expect(text).toContain(`penstock_runs_ended_total{${labels},status="failed"} 0\n`);
    expect(text).toContain(`penstock_account_violations_total{${labels}} 0\n`);
  });

  it("of two instances are apart", async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.throttled(of);
    expect((await other.read()).text).not.toContain("penstock_throttles_total{");
  });
});
