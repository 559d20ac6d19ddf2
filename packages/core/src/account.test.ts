import { expect, test } from "vitest";
import { emptyAccount, imbalance, outcomes } from "./account.ts";

test("an account adds up when every input has one outcome", () => {
  const account = {
    ...emptyAccount,
    fetched: 21,
    inserted: 1,
    updated: 2,
    unchanged: 3,
    duplicate: 4,
    filtered: 5,
    deadLettered: 6,
  };
  expect(imbalance(account)).toBe(0);
  expect(imbalance({ ...account, fetched: 22 })).toBe(1);
  for (const outcome of outcomes) expect(imbalance({ ...account, [outcome]: account[outcome] + 1 })).toBe(-1);
});
