import { expect, test } from "vitest";
import { readEvents } from "./usgs-events.ts";

test("the extract has the 1,707 events", async () => {
  const events = await readEvents();
  expect(new Set(events.map(({ id }) => id)).size).toBe(1_707);
  expect(events[0]).toMatchObject({
    type: "Feature",
    properties: { mag: expect.any(Number), time: expect.any(Number) },
  });
});
