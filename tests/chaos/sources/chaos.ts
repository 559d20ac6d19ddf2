import { noAuth } from "@penstock/source/auth";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { every } from "@penstock/source/duration";
import { numberVariable, urlVariable } from "@penstock/source/environment";
import { instant } from "@penstock/source/instant-schema";
import { keyset } from "@penstock/source/paginators/keyset";
import { z } from "zod";

/** The stream that the chaos tests ingest: small pages, quick retries, a schedule that is due all the time. */
export default defineSource({
  name: "chaos",
  environment: z.object({
    CHAOS_API_URL: urlVariable(),
    CHAOS_PAGE_SIZE: numberVariable().pipe(z.int().min(1)),
    CHAOS_ATTEMPTS: numberVariable().pipe(z.int().min(1)).optional(),
  }),
  define: (env) => ({
    baseUrl: env.CHAOS_API_URL,
    auth: noAuth,
    rateLimit: { max: 1_000, perMs: 1_000 },
    retry: { attempts: env.CHAOS_ATTEMPTS ?? 6, initialMs: 20, maxMs: 200 },
    timeoutMs: 60_000,
    streams: {
      items: defineStream({
        path: "/data",
        records: "items",
        schema: z.object({ id: z.string(), ts: instant(), value: z.number(), meta: z.unknown().optional() }),
        output: z.object({ id: z.string(), ts: z.iso.datetime(), value: z.number() }),
        transform: ({ id, ts, value }) => ({ id, ts, value }),
        key: "id",
        cursor: { field: "ts" },
        eventTime: "ts",
        order: "asc",
        paginator: keyset({ pageSize: env.CHAOS_PAGE_SIZE, maxPageSize: 1_000 }),
        schedule: every("1s"),
        keepRaw: "1h",
      }),
    },
  }),
});
