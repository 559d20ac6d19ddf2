import type { Config } from "@penstock/config/config";
import { ConfigError } from "@penstock/core/errors";
import { type LoadedSources, loadSources } from "@penstock/source/load-sources";

/**
 * Sources that can be used, and those whose environment is not set.
 *
 * @throws ConfigError with all problems: `SOURCE_INVALID` when a source file is wrong, `CONFIG_INVALID` when only variables are
 */
export async function loadUsableSources(config: Config): Promise<LoadedSources> {
  const loaded = await loadSources(config.sourcesDir, config.env);
  if (loaded.problems.length > 0) {
    const isFileWrong = loaded.problems.some(({ code }) => code !== "CONFIG_INVALID");
    const code = isFileWrong ? "SOURCE_INVALID" : "CONFIG_INVALID";
    throw new ConfigError(code, loaded.problems.map((problem) => problem.message).join("\n"));
  }
  return loaded;
}
