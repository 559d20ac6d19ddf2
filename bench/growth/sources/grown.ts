import { noAuth } from "@penstock/source/auth";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { every } from "@penstock/source/duration";
import { numberVariable, urlVariable } from "@penstock/source/environment";
import { keyset } from "@penstock/source/paginators/keyset";
import { z } from "zod";

/** As many streams of one source as one likes, each of which runs once at the start and has no tick in the next minutes. */
export default defineSource({
  name: "grown",
  environment: z.object({
    API_BASE_URL: urlVariable(),
    BATCH_SIZE: numberVariable().pipe(z.int().min(1)),
    GROWN_STREAMS: numberVariable().pipe(z.int().min(1)),
  }),
  define: (env) => ({
    baseUrl: env.API_BASE_URL,
    auth: noAuth,
    concurrency: 16,
    rateLimit: { max: 10_000, perMs: 1_000 },
    streams: Object.fromEntries(
      Array.from({ length: env.GROWN_STREAMS }, (_, number) => [
        `s${number}`,
        defineStream({
          path: "/data",
          records: "items",
          schema: z.object({ id: z.string(), ts: z.iso.datetime(), value: z.number(), meta: z.unknown().optional() }),
          key: "id",
          cursor: { field: "ts" },
          eventTime: "ts",
          order: "asc",
          paginator: keyset({ pageSize: env.BATCH_SIZE, maxPageSize: env.BATCH_SIZE }),
          schedule: every("30d"),
        }),
      ]),
    ),
  }),
});
