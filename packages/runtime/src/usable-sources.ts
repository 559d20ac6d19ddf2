import type { Config } from "@penstock/config/config";
import { ConfigError } from "@penstock/core/errors";
import { type LoadedSources, loadSources } from "@penstock/source/load-sources";

/**
 * Sources that can be used, and those whose environment is not set.
 *
 * @throws ConfigError with all problems, when any source file is wrong
 */
export async function loadUsableSources(config: Config): Promise<LoadedSources> {
  const loaded = await loadSources(config.sourcesDir, config.env);
  if (loaded.problems.length > 0) {
    throw new ConfigError("SOURCE_INVALID", loaded.problems.map((problem) => problem.message).join("\n"));
  }
  return loaded;
}
