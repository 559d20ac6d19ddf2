import { expect, test } from "vitest";
import { mergeItems } from "./merge-items.ts";

const queue = (name: string, waiting: number) => ({ name, waiting });

test("what changed takes the place of what was known, the others stay, and new ones come last", () => {
  const merged = mergeItems([queue("a", 0), queue("b", 0)], [queue("c", 3), queue("b", 1)], ({ name }) => name);
  expect(merged).toEqual([queue("a", 0), queue("b", 1), queue("c", 3)]);
});
