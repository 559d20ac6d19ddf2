import { basic } from "@penstock/source/auth";
import { defineSource } from "@penstock/source/define-source";
import { urlVariable } from "@penstock/source/environment";
import { z } from "zod";
import { impatient, tellingStreams } from "../streams.ts";

/** A password, a header and a parameter. */
export default defineSource({
  name: "shop",
  environment: z.object({ SECRETS_URL: urlVariable(), SHOP_PASSWORD: z.string() }),
  define: ({ SECRETS_URL, SHOP_PASSWORD }) => ({
    ...impatient,
    baseUrl: SECRETS_URL,
    auth: basic({ user: "me", password: SHOP_PASSWORD }),
    headers: { "x-tenant": `${SHOP_PASSWORD}-tenant` },
    query: { api_key: `${SHOP_PASSWORD}-key` },
    streams: tellingStreams,
  }),
});
