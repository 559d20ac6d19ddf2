import { bearer, noAuth } from "@penstock/source/auth";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { every } from "@penstock/source/duration";
import { numberVariable, urlVariable } from "@penstock/source/environment";
import { instant } from "@penstock/source/instant-schema";
import { keyset } from "@penstock/source/paginators/keyset";
import { z } from "zod";

const count = (fallback: number) => numberVariable().pipe(z.int().min(1)).default(fallback);
const seconds = (fallback: number) => numberVariable().pipe(z.number().positive()).default(fallback);

/** `GET {API_BASE_URL}/data?limit=&since=` with `{"items": [{"id", "ts", "value", "meta"?}]}`, sorted by `ts`. */
export default defineSource({
  name: "external_api",
  environment: z.object({
    API_BASE_URL: urlVariable(),
    API_TOKEN: z.string().optional(),
    BATCH_SIZE: count(1_000),
    /** The API's own page limit, where it is known. */
    API_MAX_PAGE_SIZE: numberVariable().pipe(z.int().min(1)).optional(),
    MAX_RETRIES: numberVariable().pipe(z.int().min(0)).default(5),
    INITIAL_BACKOFF: seconds(1),
    MAX_BACKOFF: seconds(60),
  }),
  define: (env) => ({
    baseUrl: env.API_BASE_URL,
    auth: env.API_TOKEN === undefined ? noAuth : bearer(env.API_TOKEN),
    rateLimit: { max: 1_000, perMs: 1_000 },
    retry: { attempts: env.MAX_RETRIES + 1, initialMs: env.INITIAL_BACKOFF * 1_000, maxMs: env.MAX_BACKOFF * 1_000 },
    streams: {
      data: defineStream({
        path: "/data",
        records: "items",
        schema: z.object({
          id: z.union([z.string(), z.int()], { error: "text or a whole number" }),
          ts: instant(),
          value: z.number(),
          meta: z.unknown().optional(),
        }),
        output: z.object({
          id: z.string(),
          ts: z.iso.datetime(),
          value: z.number(),
          value_scaled: z.number(),
          source: z.string(),
          meta: z.unknown(),
        }),
        transform: ({ id, ts, value, meta }, { source }) => ({
          id: String(id),
          ts,
          value,
          value_scaled: value * 100,
          source,
          meta: meta ?? null,
        }),
        key: "id",
        cursor: { field: "ts", zone: "UTC" },
        eventTime: "ts",
        order: "asc",
        paginator: keyset({
          pageSize: env.BATCH_SIZE,
          ...(env.API_MAX_PAGE_SIZE !== undefined && { maxPageSize: env.API_MAX_PAGE_SIZE }),
        }),
        schedule: every("1m"),
        freshness: "5m",
      }),
    },
  }),
});
