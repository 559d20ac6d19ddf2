import { z } from "zod";
import { count } from "./fields.ts";

/** What became of the inputs of a page or run: `fetched` is the sum of the others. */
export const account = z
  .object({
    fetched: count,
    inserted: count,
    updated: count,
    unchanged: count,
    duplicate: count,
    filtered: count,
    deadLettered: count,
  })
  .meta({ id: "Account" });
