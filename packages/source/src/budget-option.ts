import { type DeadLetterBudget, defaultBudget } from "@penstock/core/budget";
import { ConfigError } from "@penstock/core/errors";

/** `20`: that many records of a run; `"5%"`: that share of what it fetched. */
export type BudgetOption = number | `${number}%`;

/** @throws ConfigError `SOURCE_INVALID` for what is neither */
export function budgetOf(option: BudgetOption | undefined): DeadLetterBudget {
  if (option === undefined) return defaultBudget;
  if (typeof option === "number" && Number.isSafeInteger(option) && option >= 0)
    return { kind: "count", letters: option };
  const percent = typeof option === "string" && option.endsWith("%") ? Number(option.slice(0, -1)) : Number.NaN;
  if (percent >= 0 && percent <= 100) return { kind: "share", share: percent / 100 };
  const expected = 'a whole number of records, or a share of them as "5%"';
  const message = `deadLetterBudget: expected ${expected}, got ${JSON.stringify(option)}`;
  throw new ConfigError("SOURCE_INVALID", message, { path: "deadLetterBudget", expected, received: String(option) });
}
