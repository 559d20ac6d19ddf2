/**
 * How much of the chaos tests to run: `seeds=1000,from=1,matrix=whole`, of the matrix of real processes perhaps only `part=3/8`.
 * A short form where nothing is said.
 */
export type ChaosExtent = {
  seeds: number;
  from: number;
  isWholeMatrix: boolean;
  /** Every `of`-th case, from `number` on, which counts from 0. */
  part: { number: number; of: number };
};

/** Half a minute's worth, the same on each run, so that a failure is the change's and not the draw's. */
const short: ChaosExtent = { seeds: 3, from: 1, isWholeMatrix: false, part: { number: 0, of: 1 } };

export function chaosExtent(text = process.env["PENSTOCK_TEST_CHAOS"]): ChaosExtent {
  if (!text) return short;
  const parts = new Map(text.split(",").map((part) => part.split("=", 2) as [string, string]));
  const [number = 1, of = 1] = (parts.get("part") ?? "1/1").split("/").map(Number);
  return {
    seeds: Number(parts.get("seeds") ?? short.seeds),
    from: Number(parts.get("from") ?? short.from),
    isWholeMatrix: parts.get("matrix") === "whole",
    part: { number: number - 1, of },
  };
}
