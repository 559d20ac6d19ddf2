import { expect, test } from "vitest";
import { mergeStreams } from "./merge-streams.ts";

const stream = (name: string, letters: number) => ({ source: "s", stream: name, letters });

test("what changed takes the place of what was known, and new ones come last", () => {
  const merged = mergeStreams([stream("a", 0), stream("b", 0)], [stream("c", 3), stream("b", 1)]);
  expect(merged).toEqual([stream("a", 0), stream("b", 1), stream("c", 3)]);
});
