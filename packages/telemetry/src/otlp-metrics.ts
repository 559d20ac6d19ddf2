import { ValueType } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import {
  AggregationTemporality,
  DataPointType,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import type { CollectedHistogram, CollectedMetric } from "./collected.ts";
import type { Metrics } from "./metrics.ts";
import { otlpResource } from "./otlp-resource.ts";
import type { OtlpTarget } from "./otlp-traces.ts";

/** Pushes the same metrics that `/metrics` shows, again and again. Closing it sends them once more. */
export function pushMetrics(
  metrics: Pick<Metrics, "collect">,
  { url, headers, serviceName }: OtlpTarget,
  everyMs: number,
): { close(): Promise<void> } {
  const resource = otlpResource(serviceName);
  const startedAt = hrTime(Date.now());
  const collect = async () => {
    const endTime = hrTime(Date.now());
    const data = (await metrics.collect()).flatMap((metric) => metricData(metric, startedAt, endTime));
    return {
      resourceMetrics: { resource, scopeMetrics: [{ scope: { name: "penstock" }, metrics: data }] },
      errors: [],
    };
  };
  const exporter = new OTLPMetricExporter({ url: `${url}/v1/metrics`, headers, timeoutMillis: 5_000 });
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: everyMs,
    exportTimeoutMillis: Math.min(5_000, everyMs),
    metricProducers: [{ collect }],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return { close: () => provider.shutdown() };
}

type Time = [seconds: number, nanoseconds: number];

function metricData({ name, help, type, points }: CollectedMetric, startTime: Time, endTime: Time): MetricData[] {
  const of = {
    descriptor: { name, description: help, unit: "", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const at = { startTime, endTime };
  if (type === "histogram") {
    const dataPoints = points.flatMap(({ labels, value }) =>
      typeof value === "number" ? [] : [{ ...at, attributes: labels, value: histogramOf(value) }],
    );
    return [{ ...of, dataPointType: DataPointType.HISTOGRAM, dataPoints }];
  }
  const dataPoints = points.flatMap(({ labels, value }) =>
    typeof value === "number" ? [{ ...at, attributes: labels, value }] : [],
  );
  if (type === "gauge") return [{ ...of, dataPointType: DataPointType.GAUGE, dataPoints }];
  return [{ ...of, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }];
}

/** OpenTelemetry counts each bucket for itself, Prometheus with those below it. */
function histogramOf({ bounds, counts, sum, count }: CollectedHistogram) {
  return {
    buckets: { boundaries: bounds, counts: [...counts, count].map((upTo, i) => upTo - (counts[i - 1] ?? 0)) },
    sum,
    count,
  };
}

function hrTime(ms: number): Time {
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1_000_000];
}
