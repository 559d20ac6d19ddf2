import { serve } from "@penstock/runtime/serve";
import { chosenSources } from "./chosen-sources.ts";
import { startFetcher } from "./start-fetcher.ts";

process.exitCode = await serve(
  "fetcher",
  (runtime, stack) =>
    startFetcher(runtime, stack, chosenSources(runtime.config.fetchSources, [...runtime.context.sources.keys()])),
  process,
);
