import type { JsonValue } from "@penstock/core/json";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { every } from "@penstock/source/duration";
import { numberVariable, urlVariable } from "@penstock/source/environment";
import { instant } from "@penstock/source/instant-schema";
import { timeWindows } from "@penstock/source/paginators/windows";
import { z } from "zod";

const measures = ["temperature_2m", "relative_humidity_2m", "precipitation", "wind_speed_10m"] as const;

/** `{"hourly": {"time": [t0, t1], "temperature_2m": [a0, a1]}}`: one array per column, all of one length. */
const columns = z.object({ hourly: z.record(z.string(), z.array(z.json())) });

/** The columns as records: `{"time": t0, "temperature_2m": a0}` and so on. Nothing for a response of another shape. */
function hourlyRecords(body: JsonValue): JsonValue | undefined {
  const parsed = columns.safeParse(body);
  if (!parsed.success) return undefined;
  const { hourly } = parsed.data;
  const named = Object.entries(hourly);
  return hourly["time"]?.map((_, hour) =>
    Object.fromEntries(named.map(([name, values]) => [name, values[hour] ?? null])),
  );
}

/**
 * Hourly weather of one place, from https://open-meteo.com/en/docs/historical-weather-api. Written from the documentation.
 * Asked for in spans of dates. The archive lags some days behind: until then it gives hours without values, which are left
 * out and asked for again.
 */
export default defineSource({
  name: "open_meteo",
  environment: z.object({
    /** Degrees, north and east positive. */
    OPEN_METEO_LATITUDE: numberVariable().pipe(z.number().min(-90).max(90)),
    OPEN_METEO_LONGITUDE: numberVariable().pipe(z.number().min(-180).max(180)),
    OPEN_METEO_START_DATE: z.iso.date().default("2024-01-01"),
    OPEN_METEO_URL: urlVariable().default("https://archive-api.open-meteo.com/v1"),
  }),
  define: (env) => ({
    baseUrl: env.OPEN_METEO_URL,
    rateLimit: { max: 60, perMs: 60_000 },
    concurrency: 1,
    streams: {
      hourly: defineStream({
        path: "/archive",
        query: {
          latitude: String(env.OPEN_METEO_LATITUDE),
          longitude: String(env.OPEN_METEO_LONGITUDE),
          hourly: measures.join(","),
          timezone: "GMT",
        },
        records: hourlyRecords,
        schema: z.object({
          time: instant(),
          temperature_2m: z.number().nullable(),
          relative_humidity_2m: z.number().nullable(),
          precipitation: z.number().nullable(),
          wind_speed_10m: z.number().nullable(),
        }),
        output: z.object({
          time: z.iso.datetime(),
          temperature_celsius: z.number().nullable(),
          humidity_percent: z.number().nullable(),
          precipitation_mm: z.number().nullable(),
          wind_km_per_hour: z.number().nullable(),
        }),
        transform: (hour) =>
          measures.every((measure) => hour[measure] === null)
            ? null
            : {
                time: hour.time,
                temperature_celsius: hour.temperature_2m,
                humidity_percent: hour.relative_humidity_2m,
                precipitation_mm: hour.precipitation,
                wind_km_per_hour: hour.wind_speed_10m,
              },
        key: "time",
        cursor: { field: "time", zone: "UTC", lookback: "10d" },
        eventTime: "time",
        order: "asc",
        paginator: timeWindows({
          from: { query: "start_date" },
          to: { query: "end_date" },
          format: "date",
          start: env.OPEN_METEO_START_DATE,
          length: "30d",
        }),
        schedule: every("6h"),
        freshness: "18h",
      }),
    },
  }),
});
