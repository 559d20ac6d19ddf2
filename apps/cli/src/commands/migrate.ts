import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import type { CommandContext } from "../program.ts";

/**
 * `penstock migrate`: brings the database's tables up to date, which every process does as well when it starts. For roll-outs
 * that want it done, and seen, before.
 */
export async function migrate({ config, out }: CommandContext): Promise<number> {
  const store = await openConfiguredStore(config);
  await store.close();
  out.write("the database is up to date\n");
  return exitCodes.ok;
}
