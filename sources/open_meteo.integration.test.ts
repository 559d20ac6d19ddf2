import { previewPage } from "@penstock/source/preview";
import { streamReader } from "@penstock/source/read-stream";
import { type LoopbackServer, sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { afterEach, expect, test } from "vitest";
import openMeteo from "./open_meteo.ts";

/*
 * The server behaves as the documentation says: one array per column for all hours of the dates asked for, both included, and
 * null where there is no value yet. No answer of the real API was recorded for this.
 */

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const lagMs = 5 * dayMs;
const asked: { from: string; to: string }[] = [];

function hoursOf(from: string, to: string): number[] {
  const [first, last] = [Date.parse(from), Date.parse(to) + dayMs];
  return Array.from({ length: (last - first) / hourMs }, (_, hour) => first + hour * hourMs);
}

let api: LoopbackServer;
afterEach(() => api.close());

async function startOpenMeteo(): Promise<void> {
  asked.length = 0;
  api = await startLoopbackServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "/", "http://loopback");
    const [from, to] = [searchParams.get("start_date") ?? "", searchParams.get("end_date") ?? ""];
    if (!/^\d{4}-\d{2}-\d{2}$/.test(from) || !/^\d{4}-\d{2}-\d{2}$/.test(to)) {
      return sendJson(response, 400, '{"error":true,"reason":"Invalid date"}');
    }
    asked.push({ from, to });
    const hours = hoursOf(from, to);
    const known = (value: number) => hours.map((hour) => (hour < Date.now() - lagMs ? value : null));
    const time = hours.map((hour) => new Date(hour).toISOString().slice(0, 16));
    const names = (searchParams.get("hourly") ?? "").split(",");
    const hourly = Object.fromEntries([["time", time], ...names.map((name, i) => [name, known(i + 0.5)])]);
    sendJson(
      response,
      200,
      JSON.stringify({ latitude: 52.5, longitude: 13.4, timezone: "GMT", hourly_units: {}, hourly }),
    );
  });
}

const daysAgo = (days: number) => new Date(Date.now() - days * dayMs).toISOString().slice(0, 10);
const env = () => ({
  OPEN_METEO_LATITUDE: "52.52",
  OPEN_METEO_LONGITUDE: "13.41",
  OPEN_METEO_START_DATE: daysAgo(100),
  OPEN_METEO_URL: api.url,
});

test("the whole span is read, window after window, without a gap", async () => {
  await startOpenMeteo();
  const { items, end } = await streamReader(openMeteo, "hourly", env()).read(null);
  const days = new Set(items.map((item) => JSON.stringify(item).slice(9, 19)));
  expect({ end, days: days.size }).toEqual({ end: "end", days: expect.closeTo(101, -0.5) });
  expect(asked.length).toBeGreaterThan(3);
  for (const [i, { from }] of asked.slice(1).entries()) expect(from <= (asked[i]?.to ?? "")).toBe(true);
});

test("columns become one record per hour, and hours without values none", async () => {
  await startOpenMeteo();
  const { source, stream } = streamReader(openMeteo, "hourly", { ...env(), OPEN_METEO_START_DATE: daysAgo(10) });
  const { records, filtered, problems } = await previewPage(source, stream, { signal: new AbortController().signal });
  expect(problems).toEqual([]);
  expect(records[0]?.data).toEqual({
    time: expect.stringMatching(/T00:00:00\.000Z$/),
    temperature_celsius: 0.5,
    humidity_percent: 1.5,
    precipitation_mm: 2.5,
    wind_km_per_hour: 3.5,
  });
  expect(records.length).toBeGreaterThan(4 * 24);
  expect(filtered).toBeGreaterThan(4 * 24);
});

test("a later run goes on from its bound", async () => {
  await startOpenMeteo();
  await streamReader(openMeteo, "hourly", env()).read(`${daysAgo(12)}T00:00:00.000Z`);
  expect(asked).toHaveLength(1);
  expect(asked[0]?.from).toMatch(new RegExp(`${daysAgo(13)}|${daysAgo(12)}`));
});

test("a response of another shape is no page without records", async () => {
  await startOpenMeteo();
  const { stream } = streamReader(openMeteo, "hourly", env());
  expect(stream.records({ error: true, reason: "…" })).toBeUndefined();
  expect(openMeteo.configure({})).toMatchObject({ isConfigured: false });
});
