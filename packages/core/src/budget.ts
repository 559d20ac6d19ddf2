import type { Account } from "./account.ts";

/** How many records of a whole: a number of them, or a share of it, 0…1. */
export type Budget = { kind: "count" | "share"; most: number };

/** How many dead-lettered records a run may have and still succeed. */
export type DeadLetterBudget = Budget;

/** A run that fetched mostly what it could not use has failed, whatever it landed of the rest. */
export const defaultBudget: DeadLetterBudget = { kind: "share", most: 0.5 };

/** Below this many, a run that only met again what other runs had dead-lettered before is within any budget. */
export const toleratedKnown = 10;

/** A share is told from this many dead letters on while the run still goes; before, the next page may put it right. */
const clearlyMany = 1_000;

type Counted = Pick<Account, "fetched" | "deadLettered">;

export function isMoreThan(budget: Budget, part: number, whole: number): boolean {
  return part > (budget.kind === "count" ? budget.most : budget.most * whole);
}

/** True when a run that has ended is over its budget. */
export function exceedsBudget(budget: DeadLetterBudget, { fetched, deadLettered }: Counted): boolean {
  return isMoreThan(budget, deadLettered, fetched);
}

/** True when a run that still goes should stop: a count can only grow, a share must rest on many records. */
export function clearlyExceedsBudget(budget: DeadLetterBudget, counted: Counted): boolean {
  return exceedsBudget(budget, counted) && (budget.kind === "count" || counted.deadLettered >= clearlyMany);
}

/** As a person says it: `10 records`, `50 %`. */
export function describeBudget(budget: Budget): string {
  return budget.kind === "count" ? `${budget.most} records` : `${Math.round(budget.most * 10_000) / 100} %`;
}
