import type { createRegistry } from "./instruments.ts";

/** A metric with all its values, whoever reads it. `counts` of a histogram: values up to each bound. */
export type CollectedMetric = {
  name: string;
  help: string;
  type: "counter" | "gauge" | "histogram";
  points: { labels: Record<string, string>; value: number | CollectedHistogram }[];
};
export type CollectedHistogram = { bounds: number[]; counts: number[]; sum: number; count: number };

type Value = { labels: Partial<Record<string, string | number>>; value: number; metricName?: string };

export async function collectFrom(registry: ReturnType<typeof createRegistry>): Promise<CollectedMetric[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.flatMap(({ name, help, type, values }): CollectedMetric[] => {
    const kind = String(type);
    if (kind === "histogram") return [{ name, help, type: kind, points: histograms(name, values) }];
    if (kind !== "counter" && kind !== "gauge") return [];
    const points = values.map(({ labels, value }: Value) => ({ labels: texts(labels), value }));
    // Once rendered as OpenMetrics, prom-client calls counters by their family's name.
    return [
      { name: kind === "counter" && !name.endsWith("_total") ? `${name}_total` : name, help, type: kind, points },
    ];
  });
}

function histograms(name: string, values: Value[]): CollectedMetric["points"] {
  const found = new Map<string, { labels: Record<string, string>; value: CollectedHistogram }>();
  for (const { labels: given, value, metricName } of values) {
    const { le, ...labels } = texts(given);
    const key = JSON.stringify(labels);
    const point = found.get(key) ?? { labels, value: { bounds: [], counts: [], sum: 0, count: 0 } };
    found.set(key, point);
    if (metricName === `${name}_sum`) point.value.sum = value;
    else if (metricName === `${name}_count`) point.value.count = value;
    else if (le !== undefined && le !== "+Inf") {
      point.value.bounds.push(Number(le));
      point.value.counts.push(value);
    }
  }
  return [...found.values()];
}

function texts(labels: Value["labels"]): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}
