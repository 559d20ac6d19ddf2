import type { Config } from "@penstock/config/config";
import type { PipelineContext } from "@penstock/pipeline/context";
import type { LoadedSources } from "@penstock/source/load-sources";
import type { Callers } from "./access/callers.ts";
import type { LiveHub } from "./live/hub.ts";
import type { Overview } from "./live/overview.ts";

/** What every handler works with; made once per process. */
export type ApiContext = {
  config: Config;
  pipeline: PipelineContext;
  loaded: LoadedSources;
  callers: Callers;
  overview: Overview;
  hub: LiveHub;
  version: string;
};
