import type { Account } from "./account.ts";

/** How many dead-lettered records a run may have and still succeed: a number of them, or a share of what it fetched, 0…1. */
export type DeadLetterBudget = { kind: "count"; letters: number } | { kind: "share"; share: number };

/** A run that fetched mostly what it could not use has failed, whatever it landed of the rest. */
export const defaultBudget: DeadLetterBudget = { kind: "share", share: 0.5 };

/** Below this many, a run that only met again what other runs had dead-lettered before is within any budget. */
export const toleratedKnown = 10;

/** A share is told from this many dead letters on while the run still goes; before, the next page may put it right. */
const clearlyMany = 1_000;

type Counted = Pick<Account, "fetched" | "deadLettered">;

/** True when a run that has ended is over its budget. */
export function exceedsBudget(budget: DeadLetterBudget, { fetched, deadLettered }: Counted): boolean {
  return deadLettered > (budget.kind === "count" ? budget.letters : budget.share * fetched);
}

/** True when a run that still goes should stop: a count can only grow, a share must rest on many records. */
export function clearlyExceedsBudget(budget: DeadLetterBudget, counted: Counted): boolean {
  return exceedsBudget(budget, counted) && (budget.kind === "count" || counted.deadLettered >= clearlyMany);
}

/** As a person says it: `10 records`, `50 %`. */
export function describeBudget(budget: DeadLetterBudget): string {
  return budget.kind === "count" ? `${budget.letters} records` : `${Math.round(budget.share * 10_000) / 100} %`;
}
