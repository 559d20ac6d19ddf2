import type { TelemetryConfig } from "@penstock/config/config";
import { createMetrics, type Metrics } from "@penstock/telemetry/metrics";
import { createTraces, type Traces } from "@penstock/telemetry/traces";

export type TelemetryOptions = {
  config: TelemetryConfig;
  /** Which process: `fetcher`, `cli` … */
  app: string;
  stack: AsyncDisposableStack;
  /** Adds the process' own figures to the metrics. */
  withProcess: boolean;
};

/** Metrics and traces of a process. The SDK that sends them is loaded where there is somebody to send to only. */
export async function openTelemetry(options: TelemetryOptions): Promise<{ metrics: Metrics; traces: Traces }> {
  const { config, app, stack, withProcess } = options;
  const metrics = createMetrics({ withProcess });
  if (config.otlp === undefined) return { metrics, traces: createTraces() };
  const { createSpanRecorder, otlpProcessor } = await import("@penstock/telemetry/otlp-traces");
  const serviceName = app === "penstock" ? app : `penstock-${app}`;
  const target = { ...config.otlp, serviceName };
  const recorder = createSpanRecorder({ sample: config.sample, processor: otlpProcessor(target), serviceName });
  const traces = stack.adopt(createTraces(recorder), (opened) => opened.close());
  if (config.pushMetricsEveryMs === undefined) return { metrics, traces };
  const { pushMetrics } = await import("@penstock/telemetry/otlp-metrics");
  stack.adopt(pushMetrics(metrics, target, config.pushMetricsEveryMs), (push) => push.close());
  return { metrics, traces };
}
