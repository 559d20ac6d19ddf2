import { expect, test } from "vitest";
import { plainPath, recordSelector } from "./record-selector.ts";

const body = { data: { items: [{ id: 1 }, { id: 2 }] }, groups: [{ of: [{ id: 3 }, null] }, { of: [{ id: 4 }] }] };

test.each([
  ["data.items", [{ id: 1 }, { id: 2 }]],
  ["$.data.items", [{ id: 1 }, { id: 2 }]],
  ["$['data'].items", [{ id: 1 }, { id: 2 }]],
  ["$.groups[*].of[*]", [{ id: 3 }, null, { id: 4 }]],
  ["$.data.items[?@.id > 1]", [{ id: 2 }]],
  ["$..of[0]", [{ id: 3 }, { id: 4 }]],
  ["$.data", { items: [{ id: 1 }, { id: 2 }] }],
  ["$.missing", undefined],
  ["$['missing']", undefined],
])("%s", (path, selected) => {
  expect(recordSelector(path)(body)).toEqual(selected);
});

const answers = { items: [], groups: [{ of: [] }, { of: [] }], byId: {}, none: null, count: 0, rows: [{ id: 1 }] };

test.each(["$.items[*]", "$.groups[*].of[*]", "$.byId[*]", "$.rows[?@.id > 9]", "$.rows[5:]", "$.items[*].item"])(
  "%s finds an empty collection",
  (path) => {
    expect(recordSelector(path)(answers)).toEqual([]);
  },
);

test.each([
  "$.itmes[*]",
  "$.groups[*].off[*]",
  "$.rows[*].item",
  "$.none[*]",
  "$.count[*]",
  "$..itmes",
  "$..missing[*]",
])("%s does not fit the answer, which is no empty collection", (path) => {
  expect(recordSelector(path)(answers)).toBeUndefined();
});

test.each(["", "$"])("%j is the body itself", (path) => {
  expect(recordSelector(path)([1])).toEqual([1]);
});

test("a JSONPath of names can be followed while a response arrives, another cannot", () => {
  expect([plainPath("$.data.items"), plainPath("data.items"), plainPath("$.a[*]")]).toEqual([
    "data.items",
    "data.items",
    undefined,
  ]);
});

test("what is no JSONPath is refused when the source is loaded", () => {
  expect(() => recordSelector("$.data[")).toThrow();
});
