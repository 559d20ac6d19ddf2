import { useMemo } from "react";
import type { Run } from "../client/models.ts";
import { formatDuration } from "../format/duration.ts";
import { Plot } from "./plot.tsx";

const series = [{ name: "Duration of a run", color: "--accent", kind: "points" as const }];

/** How long the last runs took; nothing for a single one. */
export function DurationChart({ runs }: { runs: Run[] }) {
  const data = useMemo<[number[], number[]]>(() => {
    const ended = runs.filter(({ endedAt }) => endedAt !== null).toReversed();
    return [ended.map(({ startedAt }) => Date.parse(startedAt) / 1_000), ended.map(({ durationMs }) => durationMs)];
  }, [runs]);
  if (data[0].length < 2) return null;
  return (
    <Plot label={`Durations of the last ${data[0].length} runs`} data={data} series={series} format={formatDuration} />
  );
}
