import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import type { CommandContext } from "../program.ts";
import { resolveTarget } from "../target.ts";

/**
 * `penstock pause` and `penstock resume`: holds streams back, or lets them go on. Kept in the database, and read before
 * each request; a run that is under way stops where it is.
 */
export async function setPaused(
  { config, out }: CommandContext,
  target: string,
  { isPaused }: { isPaused: boolean },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const targets = resolveTarget(await loadUsableSources(config), target);
  const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
  for (const { source, stream } of targets) {
    await store.setPaused(source.name, stream.name, isPaused);
    out.write(`${source.name}.${stream.name}: ${isPaused ? "paused" : "resumed"}\n`);
  }
  return exitCodes.ok;
}
