import { expect, test } from "vitest";
import { chosenSources } from "./chosen-sources.ts";

test("all sources, or those that are named, each of which must be there", () => {
  const defined = ["usgs", "github"];
  expect(chosenSources(undefined, defined)).toBe(undefined);
  expect(chosenSources(["github"], defined)).toEqual(["github"]);
  expect(() => chosenSources(["github", "gihtub"], defined)).toThrow(/PENSTOCK_FETCH_SOURCES.*usgs, github.*"gihtub"/);
});
