import { defineSource } from "@penstock/source/define-source";
import { urlVariable } from "@penstock/source/environment";
import { oauth2ClientCredentials } from "@penstock/source/oauth2";
import { z } from "zod";
import { impatient, tellingStreams } from "../streams.ts";

/** A token endpoint that refuses, and repeats what it was sent. */
export default defineSource({
  name: "erp",
  environment: z.object({ SECRETS_URL: urlVariable(), ERP_SECRET: z.string() }),
  define: ({ SECRETS_URL, ERP_SECRET }) => ({
    ...impatient,
    baseUrl: SECRETS_URL,
    auth: oauth2ClientCredentials({
      tokenUrl: `${SECRETS_URL}/refused-token`,
      clientId: "penstock",
      clientSecret: ERP_SECRET,
    }),
    streams: tellingStreams,
  }),
});
