import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

const known = ["usgs", "external_api", "github"];

test("a name that is near is suggested", () => {
  expect(nearest("usg", known)).toBe('did you mean "usgs"?');
  expect(nearest("externalapi", known)).toBe('did you mean "external_api"?');
});

test("one that is far from all is answered with all of them", () => {
  expect(nearest("nosuch", known)).toBe("there are: usgs, external_api, github");
  expect(nearest("nosuch", [])).toBe("none is defined");
});
