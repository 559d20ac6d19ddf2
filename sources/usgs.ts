import { defineSource, defineStream } from "@penstock/source/define-source";
import { every } from "@penstock/source/duration";
import { numberVariable, urlVariable } from "@penstock/source/environment";
import { offset } from "@penstock/source/paginators/offset";
import { z } from "zod";

/** The schemas name what is wanted of records that have many more fields. */
const selected = { newField: "discard" } as const;

const instant = z.int().min(Date.parse("0000-01-01T00:00:00Z")).max(Date.parse("9999-12-31T23:59:59.999Z"));

/** One event as GeoJSON; https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php tells what the fields mean. */
const feature = z.object({
  id: z.string(),
  properties: z.object({
    mag: z.number().nullable(),
    magType: z.string().nullable(),
    place: z.string().nullable(),
    time: instant,
    updated: instant,
    url: z.string(),
    felt: z.int().nullable(),
    alert: z.string().nullable(),
    status: z.string(),
    tsunami: z.union([z.literal(0), z.literal(1)]),
    sig: z.int(),
    type: z.string(),
    title: z.string(),
  }),
  geometry: z.object({
    coordinates: z.tuple([z.number().min(-180).max(360), z.number().min(-90).max(90), z.number().nullable()]),
  }),
});

const earthquake = z.object({
  id: z.string(),
  time: z.iso.datetime(),
  updated: z.iso.datetime(),
  magnitude: z.number().nullable(),
  magnitude_type: z.string().nullable(),
  place: z.string().nullable(),
  longitude: z.number(),
  latitude: z.number(),
  depth_km: z.number().nullable(),
  tsunami: z.boolean(),
  felt: z.int().nullable(),
  significance: z.int(),
  alert: z.string().nullable(),
  status: z.string(),
  event_type: z.string(),
  url: z.string(),
  title: z.string(),
});

/**
 * Earthquakes of the United States Geological Survey: https://earthquake.usgs.gov/fdsnws/event/1/. The API sorts by the
 * time of the quake and filters by the time of its last change, so that a run finds new quakes and revised ones.
 */
export default defineSource({
  name: "usgs",
  environment: z.object({
    USGS_BASE_URL: urlVariable().default("https://earthquake.usgs.gov/fdsnws/event/1"),
    /** Quakes since then; without it the API goes back 30 days. */
    USGS_START_TIME: z
      .union([z.iso.date(), z.iso.datetime({ offset: true, local: true })], { error: "expected a date or a time" })
      .optional(),
    USGS_MIN_MAGNITUDE: numberVariable().optional(),
  }),
  define: (env) => ({
    baseUrl: env.USGS_BASE_URL,
    concurrency: 2,
    streams: {
      earthquakes: defineStream({
        path: "/query",
        query: {
          format: "geojson",
          orderby: "time-asc",
          ...(env.USGS_START_TIME !== undefined && { starttime: env.USGS_START_TIME }),
          ...(env.USGS_MIN_MAGNITUDE !== undefined && { minmagnitude: String(env.USGS_MIN_MAGNITUDE) }),
        },
        records: "features",
        schema: feature,
        contract: selected,
        output: earthquake,
        transform: ({ id, properties: p, geometry }) => {
          const [longitude, latitude, depth_km] = geometry.coordinates;
          return {
            id,
            time: new Date(p.time).toISOString(),
            updated: new Date(p.updated).toISOString(),
            magnitude: p.mag,
            magnitude_type: p.magType,
            place: p.place,
            longitude,
            latitude,
            depth_km,
            tsunami: p.tsunami === 1,
            felt: p.felt,
            significance: p.sig,
            alert: p.alert,
            status: p.status,
            event_type: p.type,
            url: p.url,
            title: p.title,
          };
        },
        key: "id",
        cursor: { field: "properties.updated" },
        eventTime: "time",
        version: { field: "updated", kind: "timestamp" },
        paginator: offset({ firstOffset: 1, pageSize: 500, since: "updatedafter" }),
        schedule: every("5m"),
        freshness: "15m",
      }),
    },
  }),
});
