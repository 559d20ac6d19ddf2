import { describe, expect, test } from "vitest";
import { clearlyExceedsBudget, type DeadLetterBudget, defaultBudget, describeBudget, exceedsBudget } from "./budget.ts";

const count = (letters: number): DeadLetterBudget => ({ kind: "count", most: letters });
const share = (part: number): DeadLetterBudget => ({ kind: "share", most: part });

describe("a budget", () => {
  test.each([
    [count(0), { fetched: 10, deadLettered: 0 }, false],
    [count(0), { fetched: 10, deadLettered: 1 }, true],
    [count(5), { fetched: 6, deadLettered: 5 }, false],
    [count(5), { fetched: 6_000, deadLettered: 6 }, true],
    [share(0), { fetched: 10, deadLettered: 1 }, true],
    [share(0.1), { fetched: 10, deadLettered: 1 }, false],
    [share(0.1), { fetched: 10, deadLettered: 2 }, true],
    [share(1), { fetched: 10, deadLettered: 10 }, false],
    [defaultBudget, { fetched: 0, deadLettered: 0 }, false],
    [defaultBudget, { fetched: 3, deadLettered: 3 }, true],
    [defaultBudget, { fetched: 2, deadLettered: 1 }, false],
  ])("of %j, for %j, is exceeded: %j", (budget, counted, expected) => {
    expect(exceedsBudget(budget, counted)).toBe(expected);
  });

  test("that is a count stops the run at once, one that is a share not before a thousand", () => {
    expect(clearlyExceedsBudget(count(2), { fetched: 10, deadLettered: 3 })).toBe(true);
    expect(clearlyExceedsBudget(share(0.5), { fetched: 999, deadLettered: 999 })).toBe(false);
    expect(clearlyExceedsBudget(share(0.5), { fetched: 1_500, deadLettered: 1_000 })).toBe(true);
    expect(clearlyExceedsBudget(share(0.5), { fetched: 2_000, deadLettered: 1_000 })).toBe(false);
  });

  test("is said as it was declared", () => {
    expect([count(10), share(0.5), share(0.001)].map(describeBudget)).toEqual(["10 records", "50 %", "0.1 %"]);
  });
});
