import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import { authorOf } from "../author.ts";
import type { CommandContext } from "../program.ts";
import { resolveTarget } from "../target.ts";

/**
 * `penstock pause` and `penstock resume`: a stream, or all of a source. Kept in the database, where every worker looks before
 * each request and the scheduler before each run.
 */
export async function setPaused(
  { config, out }: CommandContext,
  target: string,
  { isPaused, ...options }: { isPaused: boolean; reason?: string },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const targets = resolveTarget(await loadUsableSources(config), target);
  const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
  for (const { source, stream } of targets) {
    await store.setPaused(source.name, stream.name, isPaused, authorOf(options));
    out.write(`${source.name}.${stream.name}: ${isPaused ? "paused" : "resumed"}\n`);
  }
  return exitCodes.ok;
}
