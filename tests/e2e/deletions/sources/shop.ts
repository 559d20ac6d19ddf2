import { defineSource, defineStream } from "@penstock/source/define-source";
import { urlVariable } from "@penstock/source/environment";
import { z } from "zod";

/** A collection that is brought whole, whose items may be gone the next time. */
export default defineSource({
  name: "shop",
  environment: z.object({ SHOP_URL: urlVariable() }),
  define: ({ SHOP_URL }) => ({
    baseUrl: SHOP_URL,
    streams: {
      items: defineStream({
        path: "/items",
        schema: z.object({ id: z.int(), price: z.number() }),
        key: "id",
        deletions: "10%",
      }),
    },
  }),
});
