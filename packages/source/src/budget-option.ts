import type { Budget } from "@penstock/core/budget";
import { ConfigError } from "@penstock/core/errors";

/** `20`: that many records; `"5%"`: that share of them. */
export type BudgetOption = number | `${number}%`;

/**
 * @param name of the option, for the message
 * @throws ConfigError `SOURCE_INVALID` for what is neither
 */
export function budgetOf(name: string, option: BudgetOption): Budget {
  if (typeof option === "number" && Number.isSafeInteger(option) && option >= 0) return { kind: "count", most: option };
  const percent = typeof option === "string" && option.endsWith("%") ? Number(option.slice(0, -1)) : Number.NaN;
  if (percent >= 0 && percent <= 100) return { kind: "share", most: percent / 100 };
  const expected = 'a whole number of records, or a share of them as "5%"';
  const message = `${name}: expected ${expected}, got ${JSON.stringify(option)}`;
  throw new ConfigError("SOURCE_INVALID", message, { path: name, expected, received: String(option) });
}
