import { bearer } from "@penstock/source/auth";
import { defineSource } from "@penstock/source/define-source";
import { urlVariable } from "@penstock/source/environment";
import { z } from "zod";
import { impatient, tellingStreams } from "../streams.ts";

/** A token in the path and in a header. */
export default defineSource({
  name: "bot",
  environment: z.object({ SECRETS_URL: urlVariable(), BOT_TOKEN: z.string() }),
  define: ({ SECRETS_URL, BOT_TOKEN }) => ({
    ...impatient,
    baseUrl: `${SECRETS_URL}/bot${BOT_TOKEN}`,
    auth: bearer(`${BOT_TOKEN}-bearer`),
    streams: tellingStreams,
  }),
});
