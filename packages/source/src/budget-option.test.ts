import { ConfigError } from "@penstock/core/errors";
import { expect, test } from "vitest";
import { type BudgetOption, budgetOf } from "./budget-option.ts";

test("a number is a count, a percentage a share, nothing is half of the records", () => {
  expect(budgetOf(20)).toEqual({ kind: "count", letters: 20 });
  expect(budgetOf(0)).toEqual({ kind: "count", letters: 0 });
  expect(budgetOf("5%")).toEqual({ kind: "share", share: 0.05 });
  expect(budgetOf("100%")).toEqual({ kind: "share", share: 1 });
  expect(budgetOf(undefined)).toEqual({ kind: "share", share: 0.5 });
});

test.each<BudgetOption>([0.5, -1, Number.NaN, "101%", "-1%"])("%s is refused", (option) => {
  expect(() => budgetOf(option)).toThrow(ConfigError);
});
