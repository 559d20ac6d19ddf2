import { noAuth } from "@penstock/source/auth";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { every } from "@penstock/source/duration";
import { urlVariable } from "@penstock/source/environment";
import { keyset } from "@penstock/source/paginators/keyset";
import { z } from "zod";

/** Records that appear while one looks; a run every second, or every five. */
export default defineSource({
  name: "appearing",
  environment: z.object({ APPEARING_API_URL: urlVariable(), APPEARING_EVERY: z.enum(["1s", "5s"]) }),
  define: (env) => ({
    baseUrl: env.APPEARING_API_URL,
    auth: noAuth,
    rateLimit: { max: 1_000, perMs: 1_000 },
    streams: {
      records: defineStream({
        path: "/records",
        records: "items",
        schema: z.object({ id: z.int(), at: z.iso.datetime() }),
        key: "id",
        cursor: { field: "at" },
        eventTime: "at",
        order: "asc",
        paginator: keyset({ pageSize: 1_000 }),
        schedule: every(env.APPEARING_EVERY),
      }),
    },
  }),
});
