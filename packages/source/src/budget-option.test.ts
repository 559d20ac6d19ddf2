import { ConfigError } from "@penstock/core/errors";
import { expect, test } from "vitest";
import { type BudgetOption, budgetOf } from "./budget-option.ts";

test("a number is a count, a percentage a share", () => {
  expect(budgetOf("brake", 20)).toEqual({ kind: "count", most: 20 });
  expect(budgetOf("brake", 0)).toEqual({ kind: "count", most: 0 });
  expect(budgetOf("brake", "5%")).toEqual({ kind: "share", most: 0.05 });
  expect(budgetOf("brake", "100%")).toEqual({ kind: "share", most: 1 });
});

test.each<BudgetOption>([0.5, -1, Number.NaN, "101%", "-1%"])("%s is refused", (option) => {
  expect(() => budgetOf("brake", option)).toThrow(ConfigError);
});
