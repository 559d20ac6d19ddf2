import { expect, test } from "vitest";
import { jsonLines } from "./json-lines.ts";

const event = { id: "a", properties: { mag: "strong", tags: ["x", "y"] }, none: {} };
const marked = (path: string | null) =>
  jsonLines(event, path)
    .filter(({ isMarked }) => isMarked)
    .map(({ text }) => text);

test("the lines are the JSON", () => {
  const text = jsonLines(event)
    .map((line) => "  ".repeat(line.depth) + line.text)
    .join("\n");
  expect(text).toBe(JSON.stringify(event, null, 2));
});

test.each([
  ["properties.mag", ['"mag": "strong",']],
  ["properties.tags.1", ['"y"']],
  ["properties.tags", ['"tags": [', '"x",', '"y"', "]"]],
  ["properties.felt", ["felt is not there"]],
  ["geometry.coordinates", ["geometry is not there"]],
  ["none.inner", ["inner is not there"]],
  [null, []],
])("at %s it marks %j", (path, lines) => {
  expect(marked(path)).toEqual(lines);
});

test("a path below a value that holds none marks nothing else", () => {
  expect(marked("id.x")).toEqual([]);
});

test("a very long value is cut, and that is said", () => {
  const lines = jsonLines(Array.from({ length: 5_000 }, (_, index) => index));
  expect(lines).toHaveLength(2_001);
  expect(lines.at(-1)?.text).toBe("… 3002 more lines");
});
