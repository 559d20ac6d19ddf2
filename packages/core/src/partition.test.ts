import { expect, test } from "vitest";
import { parentKeyOf, parentPartition, windowOf, windowPartition } from "./partition.ts";
import { livePartition } from "./run.ts";

test("a partition's name says what it is of", () => {
  const window = { backfill: "b1", from: "2026-01-01T00:00:00.000Z", to: "2026-01-02T00:00:00.000Z" };
  expect(windowPartition(window)).toBe("backfill:b1:2026-01-01T00:00:00.000Z/2026-01-02T00:00:00.000Z");
  expect(windowOf(windowPartition(window))).toEqual(window);
  expect(parentKeyOf(parentPartition("a/b:c"))).toBe("a/b:c");
  for (const other of [livePartition, parentPartition("backfill:b1:x/y"), "backfill:b1"])
    expect(windowOf(other)).toBeUndefined();
  expect(parentKeyOf(windowPartition(window))).toBeUndefined();
});
