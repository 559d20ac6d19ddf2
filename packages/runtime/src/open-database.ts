import { join } from "node:path";
import type { Config } from "@penstock/config/config";
import { type OpenStoreOptions, openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";

/** Where migrations lie: beside the program, wherever it was started from. */
const migrationsRoot = join(import.meta.dirname, "../../../prisma");

export function openConfiguredStore(
  config: Config,
  options: Pick<OpenStoreOptions, "isReadOnly" | "reach" | "observe"> = {},
): Promise<Store> {
  return openStore({ url: config.database.url, migrationsRoot, ...options });
}
