import { join } from "node:path";
import { InvalidRecordError } from "@penstock/core/errors";
import { streamReader } from "@penstock/source/read-stream";
import { testSource } from "@penstock/source/test-source";
import { createTransformer } from "@penstock/source/transform";
import { viewColumns } from "@penstock/source/view-columns";
import { startUsgsReplay, type UsgsReplay, type UsgsReplayOptions } from "@penstock/testing/simulators/usgs-replay";
import { afterEach, expect, test } from "vitest";
import usgs from "./usgs.ts";

let replay: UsgsReplay | undefined;
afterEach(() => replay?.close());

async function readerOf(options: UsgsReplayOptions = {}, env: Record<string, string> = {}) {
  replay = await startUsgsReplay(options);
  const reader = streamReader(usgs, "earthquakes", { USGS_BASE_URL: replay.url, ...env });
  const transform = createTransformer(reader.source, reader.stream);
  return {
    ...reader,
    replay,
    transform: (item: Parameters<typeof transform>[0]) => transform(item, { fetchedAt: new Date() }),
  };
}

test("all 1,707 events are read and fit the schema", async () => {
  const { read, transform, replay } = await readerOf();
  const { items, end, pages } = await read(null);
  const records = items.map(transform).flatMap((made) => (made.kind === "records" ? made.records : []));
  expect(end).toBe("end");
  expect(new Set(records.map(({ key }) => key)).size).toBe(1_707);
  expect(items).toHaveLength(1_707 + pages - 1);
  expect(replay.queries[0]).toMatchObject({ limit: 500, offset: 1 });
});

test("a run from a bound asks for what was updated since", async () => {
  const { read, replay } = await readerOf();
  const { items } = await read("2018-02-07T00:00:00.000Z");
  expect(items.length).toBeGreaterThan(0);
  expect(items.length).toBeLessThan(200);
  expect(replay.queries[0]?.updatedAfter).toBe(Date.parse("2018-02-06T23:59:59.999Z"));
});

test("a start time and a smallest magnitude narrow it down", async () => {
  const { read, transform } = await readerOf({}, { USGS_START_TIME: "2018-02-05", USGS_MIN_MAGNITUDE: "5" });
  const { items } = await read(null);
  const stored = items
    .map(transform)
    .flatMap((made) => (made.kind === "records" ? made.records.map(({ data }) => JSON.parse(data)) : []));
  expect(stored.length).toBeGreaterThan(3);
  for (const { magnitude, time } of stored) {
    expect(magnitude).toBeGreaterThanOrEqual(5);
    expect(time >= "2018-02-05").toBe(true);
  }
});

test("what the demo breaks on purpose is refused for a reason each", async () => {
  const { stream, read, transform, replay } = await readerOf({ faults: "demo" });
  expect(stream.paginator.kind).toBe("offset");
  const items = await readPastFaults(read);
  const refused = items.flatMap((item) => {
    try {
      transform(item);
      return [];
    } catch (error) {
      if (error instanceof InvalidRecordError) return [`${error.code} ${error.details.path}`];
      throw error;
    }
  });
  expect(new Set(refused)).toEqual(
    new Set([
      "RECORD_INVALID properties.mag",
      "KEY_MISSING id",
      "RECORD_INVALID properties.time",
      "RECORD_INVALID geometry.coordinates",
      "CURSOR_INVALID properties.updated",
    ]),
  );
  expect(replay.total).toBe(1_712);
  expect(replay.faultsSent()).toEqual({ throttled: 1, serverErrors: 1 });
});

/** The replay refuses its second and its fourth request; a whole read succeeds from the fifth on. */
async function readPastFaults(
  read: (bound: null) => Promise<{ items: Parameters<ReturnType<typeof createTransformer>>[0][] }>,
) {
  const refusals: unknown[] = [];
  for (;;) {
    try {
      const { items } = await read(null);
      expect(refusals).toMatchObject([{ code: "THROTTLED", retryAfterMs: 1_000 }, { code: "SERVER_ERROR" }]);
      return items;
    } catch (error) {
      if (refusals.push(error) > 2) throw error;
    }
  }
}

test("the columns of its view", async () => {
  const { stream } = await readerOf();
  const columns = Object.fromEntries(viewColumns(stream).map(({ name, type }) => [name, type]));
  expect(columns).toMatchObject({
    id: "text",
    time: "timestamp",
    updated: "timestamp",
    magnitude: "real",
    depth_km: "real",
    tsunami: "boolean",
    felt: "integer",
    place: "text",
  });
});

test("without variables it asks the real API", () => {
  expect(usgs.configure({})).toMatchObject({
    isConfigured: true,
    source: { baseUrl: "https://earthquake.usgs.gov/fdsnws/event/1" },
  });
  expect(() => usgs.configure({ USGS_START_TIME: "last week" })).toThrow(
    /USGS_START_TIME: expected a date or a time, received "last week"/,
  );
});

test("what the API was recorded to answer holds, without the API", async () => {
  const { earthquakes } = await testSource(usgs, {
    fixtures: join(import.meta.dirname, "fixtures/usgs"),
    env: { USGS_BASE_URL: "https://usgs.example", USGS_MIN_MAGNITUDE: "5.5" },
  });
  expect(earthquakes?.records).toHaveLength(9);
  expect(earthquakes?.records[0]?.data).toMatchObject({ magnitude: 6.1, depth_km: 191.19, tsunami: false });
});
