import { nameOf } from "./scenarios.ts";
import type { ScenarioSummary } from "./summary.ts";

/**
 * What a ratio may be of the committed one. Times differ by machine, ratios of two programs in the same minute much less; on two busy
 * processors they were seen to differ by a quarter.
 */
export const allowedShare = 0.6;

/** Every ratio to the ceiling that is worse than the committed one by more than noise, as a sentence. */
export function regressions(now: readonly ScenarioSummary[], committed: readonly ScenarioSummary[]): string[] {
  return committed.flatMap(({ scenario, ratios }) => {
    const name = nameOf(scenario);
    const was = ratios.find(({ to }) => to === "ceiling")?.ratio.median;
    const measured = now.find((each) => nameOf(each.scenario) === name);
    const is = measured?.ratios.find(({ to }) => to === "ceiling")?.ratio.median;
    if (was === undefined) return [];
    if (is === undefined) return [`${name}: was not measured`];
    if (is >= allowedShare * was) return [];
    return [
      `${name}: ${is.toFixed(2)} of the ceiling, where ${was.toFixed(2)} is committed and ${(allowedShare * was).toFixed(2)} allowed. ` +
        "Find out what made it slower; if it is worth it, commit the new figures (npm run bench -- --quick --save)",
    ];
  });
}
