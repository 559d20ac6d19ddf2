import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { MetricDefinition } from "./metric-definitions.ts";
import { sampledTraceId } from "./scope.ts";

type Labels = Record<string, string>;

/** Makes what counts, of its definition, in one registry. */
export type Instruments = {
  counter(of: MetricDefinition): { add(labels: Labels, by?: number): void };
  gauge(of: MetricDefinition): { set(labels: Labels, value: number): void; clear(): void };
  /** In a span that is recorded, its trace stays with the bucket, as an exemplar, until a later one falls into it. */
  histogram(of: MetricDefinition): { observe(labels: Labels, value: number): void };
};

export function createInstruments(registry: ReturnType<typeof createRegistry>): Instruments {
  const registers = [registry];
  return {
    counter: (of) => {
      const counter = new Counter({ ...base(of), registers });
      return { add: (labels, by = 1) => counter.inc(labels, by) };
    },
    gauge: (of) => {
      const gauge = new Gauge({ ...base(of), registers });
      return { set: (labels, value) => gauge.set(labels, value), clear: () => gauge.reset() };
    },
    histogram: (of) => {
      const histogram = new Histogram({
        ...base(of),
        registers,
        buckets: [...(of.buckets ?? [])],
        enableExemplars: true,
      });
      return {
        observe: (labels, value) => {
          const traceId = sampledTraceId();
          histogram.observe({ labels, value, exemplarLabels: traceId === undefined ? {} : { trace_id: traceId } });
        },
      };
    },
  };
}

/** Exemplars are part of OpenMetrics only. */
export function createRegistry() {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

function base({ name, help, labels }: MetricDefinition) {
  return { name, help, labelNames: [...labels] };
}
