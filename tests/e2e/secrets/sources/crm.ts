import { defineSource } from "@penstock/source/define-source";
import { urlVariable } from "@penstock/source/environment";
import { oauth2RefreshToken } from "@penstock/source/oauth2";
import { z } from "zod";
import { impatient, tellingStreams } from "../streams.ts";

/** A client's secret, and tokens that are stored. */
export default defineSource({
  name: "crm",
  environment: z.object({ SECRETS_URL: urlVariable(), CRM_SECRET: z.string() }),
  define: ({ SECRETS_URL, CRM_SECRET }) => ({
    ...impatient,
    baseUrl: SECRETS_URL,
    auth: oauth2RefreshToken({
      tokenUrl: `${SECRETS_URL}/token`,
      clientId: "penstock",
      clientSecret: CRM_SECRET,
      clientAuth: "body",
      refreshToken: `${CRM_SECRET}-refresh`,
    }),
    streams: tellingStreams,
  }),
});
