/** How much of the chaos tests to run: `seeds=1000,from=1,matrix=whole`. A short form where nothing is said. */
export type ChaosExtent = { seeds: number; from: number; isWholeMatrix: boolean };

/** Half a minute's worth, the same on each run, so that a failure is the change's and not the draw's. */
const short: ChaosExtent = { seeds: 3, from: 1, isWholeMatrix: false };

export function chaosExtent(text = process.env["PENSTOCK_TEST_CHAOS"]): ChaosExtent {
  if (!text) return short;
  const parts = new Map(text.split(",").map((part) => part.split("=", 2) as [string, string]));
  return {
    seeds: Number(parts.get("seeds") ?? short.seeds),
    from: Number(parts.get("from") ?? short.from),
    isWholeMatrix: parts.get("matrix") === "whole",
  };
}
