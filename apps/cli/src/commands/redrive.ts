import { setTimeout as delay } from "node:timers/promises";
import { startFetcher } from "@penstock/fetcher/start-fetcher";
import { requestRedrive } from "@penstock/pipeline/redrive";
import { mirrorLetters } from "@penstock/pipeline/sweep";
import { waitForRun } from "@penstock/pipeline/wait-for-run";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { openRuntime } from "@penstock/runtime/open-runtime";
import { startUpkeep } from "@penstock/runtime/upkeep";
import type { LetterFilter, Store, StoredLetter } from "@penstock/store/store";
import { startTransformer } from "@penstock/transformer/start-transformer";
import { authorOf } from "../author.ts";
import type { CommandContext } from "../program.ts";
import { chosenLetters, preview } from "./dead-letters.ts";
import { type FilterOptions, filterOf, requireChoice } from "./letter-filter.ts";

/** `penstock dead-letters redrive`: puts them back and waits until each is resolved or open again. */
export async function redrive(context: CommandContext, ids: string[], options: FilterOptions): Promise<number> {
  requireChoice("redrive", ids, options);
  const filter = filterOf(ids, options, "open");
  await using stack = new AsyncDisposableStack();
  const { config, logger, out, signal } = context;
  const chosen = await choose(context, filter);
  if (options.dryRun === true) return preview(context, "put back", chosen);
  const runtime = await openRuntime({ app: "cli", config, logger, stack, hasShortLocks: true });
  await startTransformer(runtime, stack);
  await startFetcher(runtime, stack);
  startUpkeep(runtime.context, stack);
  const claimed = await requestRedrive(
    runtime.context,
    { ...filter, ids: chosen.map(({ id }) => id) },
    authorOf(options),
  );
  const after = await settled(runtime.context.store, claimed, signal);
  await mirrorLetters(runtime.context);
  const resolved = after.filter(({ status }) => status === "resolved").length;
  const counts = { putBack: claimed.length, resolved, openAgain: claimed.length - resolved };
  const said = `${counts.putBack} put back: ${resolved} resolved, ${counts.openAgain} open again`;
  out.write(`${options.json === true ? JSON.stringify(counts) : said}\n`);
  return resolved === claimed.length ? exitCodes.ok : exitCodes.failed;
}

/** Before anything is started: most mistakes in typing end here. */
async function choose(context: CommandContext, filter: LetterFilter): Promise<StoredLetter[]> {
  const store = await openConfiguredStore(context.config, { isReadOnly: true });
  try {
    return await chosenLetters(context, store, filter);
  } finally {
    await store.close();
  }
}

/** The letters once none is on its way, and the runs have ended that requests among them were redriven by. */
async function settled(store: Store, claimed: StoredLetter[], signal: AbortSignal): Promise<StoredLetter[]> {
  const read = async () => (await Promise.all(claimed.map(({ id }) => store.readLetter(id)))).filter(isThere);
  while ((await read()).some(({ status }) => status === "redriving")) await delay(50, undefined, { signal });
  for (const { source, stream } of claimed.filter(({ kind }) => kind === "request")) {
    for (const run of await store.liveRuns({ source, stream })) await waitForRun(store, run.runId, signal);
  }
  return read();
}

function isThere(letter: StoredLetter | undefined): letter is StoredLetter {
  return letter !== undefined;
}
