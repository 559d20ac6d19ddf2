import { setTimeout as delay } from "node:timers/promises";
import type { Instruments } from "./instruments.ts";
import { metricDefinitions as defined, type ObservedMetric } from "./metric-definitions.ts";

/** One value of a metric that is not counted but looked up. */
export type Observation = { metric: ObservedMetric; labels: Record<string, string>; value: number };

export type Observe = (metrics: readonly ObservedMetric[], read: () => Promise<Observation[]>) => void;

/** Prometheus waits ten seconds for all of it. */
const patienceMs = 4_000;

/**
 * Metrics that are looked up whenever they are asked for. Those whose look-up fails, or takes longer than some seconds, are
 * left out that time: the others must be readable just when something is away.
 */
export function createObservations(instruments: Instruments): { observe: Observe; refresh(): Promise<void> } {
  const refreshers: (() => Promise<void>)[] = [];
  return {
    observe: (metrics, read) => {
      const gauges = new Map(metrics.map((metric) => [metric, instruments.gauge(defined[metric])]));
      refreshers.push(async () => {
        const values = await inTime(read);
        // At once: somebody else who asks may be about to write them out.
        for (const gauge of gauges.values()) gauge.clear();
        for (const { metric, labels, value } of values) gauges.get(metric)?.set(labels, value);
      });
    },
    refresh: async () => void (await Promise.all(refreshers.map((refresh) => refresh()))),
  };
}

async function inTime(read: () => Promise<Observation[]>): Promise<Observation[]> {
  const answered = new AbortController();
  const tooLate = delay(patienceMs, [], { signal: answered.signal }).catch(() => []);
  const values = read().catch(() => []);
  const first = await Promise.race([values, tooLate]);
  answered.abort();
  return first;
}
