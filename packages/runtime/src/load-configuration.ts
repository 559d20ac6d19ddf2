import { type Config, type ConfigInput, loadConfig, readEnvironment, sourcesFolder } from "@penstock/config/config";
import { ConfigError } from "@penstock/core/errors";
import { loadSources } from "@penstock/source/load-sources";

/**
 * The configuration; when it is wrong, what is wrong with the sources' own variables is said with it, so that one attempt
 * shows all there is to correct.
 *
 * @throws ConfigError `CONFIG_INVALID`
 */
export async function loadConfiguration(input: ConfigInput): Promise<Config> {
  try {
    return loadConfig(input);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = await sourceProblems(input);
    throw new ConfigError(error.code, [error.message, ...problems].join("\n"), { ...error.details, cause: error });
  }
}

async function sourceProblems(input: ConfigInput): Promise<string[]> {
  const env = readEnvironment(input);
  const { problems } = await loadSources(sourcesFolder(env["PENSTOCK_SOURCES_DIR"], input.cwd), env);
  return problems.map(({ message }) => `  ${message}`);
}
