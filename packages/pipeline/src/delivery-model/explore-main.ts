import { explore } from "./explore.ts";
import { allRules } from "./rules.ts";
import type { Budget, Order } from "./state.ts";

/*
 * The long form of the model check: every history that these faults allow, explored to the end. A line per budget; ends with 1 if
 * one of them violates anything.
 */

const nothing: Budget = {
  crashes: 0,
  lockLosses: 0,
  queueLosses: 0,
  rollbacks: 0,
  otherAnswers: 0,
  changes: 0,
  ticks: 1,
};
const budgets: Partial<Budget>[] = [
  { crashes: 2 },
  { lockLosses: 1, otherAnswers: 1 },
  { crashes: 1, queueLosses: 1 },
  { queueLosses: 1, otherAnswers: 1 },
  { rollbacks: 1 },
  { changes: 1, lockLosses: 1 },
  { changes: 2 },
];

for (const order of ["asc", "none"] satisfies Order[]) {
  for (const isDeduplicated of [true, false]) {
    for (const budget of budgets) {
      const startedAt = performance.now();
      const { states, steps, violation } = explore(
        { rules: allRules, order, isDeduplicated },
        { ...nothing, ...budget },
      );
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
      const protocol = `${order}, ${isDeduplicated ? "deduplicated" : "not deduplicated"}, ${JSON.stringify(budget)}`;
      const found = violation === undefined ? "holds" : `${violation.what}: ${JSON.stringify(violation.history)}`;
      process.stdout.write(`${protocol}: ${states} states, ${steps} steps, ${seconds} s: ${found}\n`);
      if (violation !== undefined) process.exitCode = 1;
    }
  }
}
