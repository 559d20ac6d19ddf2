import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { expect, test } from "vitest";
import { extract, originalPath } from "./extract-earthquakes.ts";
import { extractPath, readEvents } from "./simulators/usgs-events.ts";

test("the extract is what the script makes of the original", async () => {
  const path = originalPath();
  // Left out of installations that only run Penstock; wherever it is developed it is there.
  expect(path, "vega-datasets is a development dependency").toBeDefined();
  const extracted = await promisify(gunzip)(await readFile(extractPath));
  expect(extracted.toString("utf8")).toBe(extract(await readFile(path ?? "", "utf8")));
});

test("it has the 1,707 events", async () => {
  const events = await readEvents();
  expect(new Set(events.map(({ id }) => id)).size).toBe(1_707);
  expect(events[0]).toMatchObject({
    type: "Feature",
    properties: { mag: expect.any(Number), time: expect.any(Number) },
  });
});
