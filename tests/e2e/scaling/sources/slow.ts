import { noAuth } from "@penstock/source/auth";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { every } from "@penstock/source/duration";
import { urlVariable } from "@penstock/source/environment";
import { token } from "@penstock/source/paginators/token";
import { z } from "zod";

const streams = Array.from({ length: 16 }, (_, number) => `s${number}`);

/** Sixteen streams of an API that takes its time. */
export default defineSource({
  name: "slow",
  environment: z.object({ SLOW_API_URL: urlVariable() }),
  define: (env) => ({
    baseUrl: env.SLOW_API_URL,
    auth: noAuth,
    concurrency: streams.length,
    rateLimit: { max: 1_000, perMs: 1_000 },
    retry: { attempts: 10, initialMs: 100, maxMs: 1_000 },
    streams: Object.fromEntries(
      streams.map((name) => [
        name,
        defineStream({
          path: `/${name}`,
          records: "items",
          schema: z.object({ number: z.int(), text: z.string() }),
          key: "number",
          cursor: { field: "number" },
          order: "asc",
          paginator: token({ from: { lastRecord: "number" }, to: { query: "after" }, since: "after" }),
          schedule: every("1h"),
        }),
      ]),
    ),
  }),
});
