import { defineStream } from "@penstock/source/define-source";
import { nextUrl } from "@penstock/source/paginators/links";
import { z } from "zod";

const account = z.object({ id: z.string(), password: z.int() });
const common = { records: "items", schema: account, key: "id" } as const;
const single = (path: string) => defineStream({ ...common, path });

/** One for each way in which the API of the test tells on those who ask it. */
export const tellingStreams = {
  refused: single("/refused"),
  down: single("/down"),
  text: single("/text"),
  moved: single("/moved"),
  around: single("/around"),
  wrong: single("/wrong"),
  linked: defineStream({ ...common, path: "/linked", paginator: nextUrl({ path: "next" }) }),
};

/** Tries each request once, and goes on asking an API that is down. */
export const impatient = {
  retry: { attempts: 1, initialMs: 1, maxMs: 1 },
  breaker: { failures: 1_000, openMs: 1, maxOpenMs: 1 },
  rateLimit: { max: 1_000, perMs: 1_000 },
};
