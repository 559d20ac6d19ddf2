import type { Servers } from "../place.ts";
import { spread } from "../summary.ts";
import type { Panel } from "./chart.ts";

/** What was measured at one size. */
export type Point = { series: string; at: number; figures: Record<string, number> };

export type GrowthOptions = {
  /** That the table has in the end. */
  records: number;
  /** That are looked at, where something goes on without end. */
  seconds: number;
  /** The largest number of streams, jobs or fetchers. */
  most: number;
};

/** One of the ways to grow. */
export type Growing = {
  heading: string;
  /** What was done, as a paragraph. */
  words: string;
  /** Heads of the columns: of the series where there is more than one, of the size, and of each figure. */
  columns: { series?: string; at: string; figures: Record<string, string> };
  chart: { title: string; at: string; panels: readonly Panel[] };
  measure(options: GrowthOptions, servers: Servers): Promise<Point[]>;
};

/** Of each figure at each size the median of the rounds. */
export function mediansOf(rounds: readonly (readonly Point[])[]): Point[] {
  return (rounds[0] ?? []).map(({ series, at, figures }) => {
    const same = rounds.flatMap((points) => points.filter((each) => each.series === series && each.at === at));
    const median = (name: string) => spread(same.map((each) => each.figures[name] ?? Number.NaN)).median;
    return { series, at, figures: Object.fromEntries(Object.keys(figures).map((name) => [name, median(name)])) };
  });
}
