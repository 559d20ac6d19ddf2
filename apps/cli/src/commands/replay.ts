import { ConfigError } from "@penstock/core/errors";
import { createPageTransformer } from "@penstock/pipeline/page-transformer";
import { replayDetails, replayPages } from "@penstock/pipeline/replay";
import { exitCodes } from "@penstock/runtime/failure";
import { createReach } from "@penstock/runtime/failures";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { loadUsableSources } from "@penstock/runtime/usable-sources";
import type { ReplayRequest } from "@penstock/store/store";
import { authorOf } from "../author.ts";
import type { CommandContext } from "../program.ts";
import { createProgress } from "../progress.ts";
import { resolveStream } from "../target.ts";
import { sinceOf } from "./letter-filter.ts";

export type ReplayOptions = { since?: string; run?: string; restart?: boolean; reason?: string; json?: boolean };

/** `penstock replay`: asks the API nothing and needs no queue; interrupted, the same command goes on where it stopped. */
export async function replay(
  { config, out, err, signal }: CommandContext,
  name: string,
  options: ReplayOptions,
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const { source, stream } = resolveStream(await loadUsableSources(config), name);
  const store = stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
  const sources = new Map([[source.name, source]]);
  const reach = createReach(config.test.failures);
  const context = { store, sources, transformer: createPageTransformer(sources), reach };
  const request: ReplayRequest = {
    source: source.name,
    stream: stream.name,
    ...(options.since !== undefined && { since: sinceOf(options.since), asked: options.since }),
    ...(options.run !== undefined && { runId: options.run }),
  };
  if (stream.keepRawMs === undefined && (await store.countRawPages({ ...request, after: null })) === 0) {
    throw new ConfigError("CONFIG_INVALID", `${name} keeps no pages`, {
      remedy: 'declare keepRaw: "30d" in the stream',
    });
  }
  const progress = createProgress(err);
  const { show } = progress;
  const done = await replayPages(context, request, {
    signal,
    author: authorOf(options),
    isRestart: options.restart === true,
    onProgress: ({ replay: { pages }, remaining }) => show({ done: pages, remaining, unit: "pages" }),
  });
  progress.end();
  const details = replayDetails(request, done);
  const { pages, rowsWritten, deadLettered } = done;
  const said = `${name}: ${pages} pages replayed, ${rowsWritten} rows written, ${deadLettered} dead-lettered`;
  out.write(
    `${options.json === true ? JSON.stringify({ source: source.name, stream: stream.name, ...details }) : said}\n`,
  );
  return exitCodes.ok;
}
