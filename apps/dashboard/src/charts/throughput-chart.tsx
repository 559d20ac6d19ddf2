import { useMemo } from "react";
import type { Throughput } from "../client/models.ts";
import { Empty } from "../elements/answer.tsx";
import { formatCompact, formatCount } from "../format/number.ts";
import { Plot } from "./plot.tsx";

const series = [
  // Drawn first, so that the second stands before it: its bars are as high as both together.
  { name: "Dead letters", color: "--bad", kind: "bars" as const },
  { name: "Records written", color: "--accent", kind: "bars" as const },
];

export function ThroughputChart({ throughput: { points, intervalMs } }: { throughput: Throughput }) {
  const data = useMemo<[number[], number[], number[]]>(
    () => [
      points.map(({ at }) => Date.parse(at) / 1_000),
      points.map(({ deadLettered }) => deadLettered),
      points.map(({ written }) => written),
    ],
    [points],
  );
  const last = points.at(-1);
  const written = points.reduce((sum, point) => sum + point.written, 0);
  if (last === undefined) return <Empty title="Nothing was written in this time." />;
  return (
    <Plot
      label={`${formatCount(written)} records written over time`}
      data={data}
      series={series}
      format={formatCompact}
      end={(Date.parse(last.at) + intervalMs) / 1_000}
    />
  );
}
