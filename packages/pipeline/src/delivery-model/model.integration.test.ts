import { describe, expect, test } from "vitest";
import { explore } from "./explore.ts";
import { allRules, type Rules } from "./rules.ts";
import type { Budget, Order } from "./state.ts";

/*
 * All histories that a few faults allow. `node packages/pipeline/src/delivery-model/explore-main.ts` explores larger budgets to
 * their end.
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
const protocol = (order: Order, rules: Partial<Rules> = {}) => ({
  rules: { ...allRules, ...rules },
  order,
  isDeduplicated: true,
});

describe.each<Order>(["asc", "none"])("an API sorted: %s", (order) => {
  test.each<Partial<Budget>>([{}, { crashes: 1 }, { queueLosses: 1 }])(
    "the protocol holds in every state that %j leads to",
    (budget) => {
      const explored = explore(protocol(order), { ...nothing, ...budget });
      expect(explored.violation).toBeUndefined();
      expect(explored.states).toBeGreaterThan(200);
    },
    60_000,
  );

  test("two workers without deduplication", () => {
    const explored = explore({ ...protocol(order), isDeduplicated: false }, nothing);
    expect(explored.violation).toBeUndefined();
  });
});

describe("a rule switched off is missed:", () => {
  test.each<[keyof Rules, Order, Partial<Budget>, RegExp]>([
    ["prefixByLinks", "asc", { lockLosses: 1, otherAnswers: 1 }, /^lost/],
    ["fence", "asc", { queueLosses: 1 }, /had ended and is succeeded/],
    ["firstContentCounts", "asc", { lockLosses: 1 }, /^counted twice/],
    ["oneTransaction", "asc", { crashes: 1 }, /^lost/],
    ["lockBeforePrefix", "asc", {}, /became shorter/],
    ["boundWaitsForEnd", "none", { changes: 1 }, /^lost/],
    ["capAtStart", "none", { changes: 2 }, /^lost/],
  ])(
    "%s",
    (rule, order, budget, what) => {
      const { violation } = explore(protocol(order, { [rule]: false }), { ...nothing, ...budget });
      expect(violation?.what).toMatch(what);
      expect(violation?.history.length).toBeGreaterThan(3);
    },
    60_000,
  );

  test("but crashes and lost locks alone do not show that pages must be linked", () => {
    const unlinked = protocol("asc", { prefixByLinks: false });
    expect(explore(unlinked, { ...nothing, crashes: 1 }).violation).toBeUndefined();
  });
});
