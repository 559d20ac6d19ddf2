import { ConfigError } from "@penstock/core/errors";
import { parentsFirst } from "@penstock/pipeline/children";
import type { LoadedSources } from "@penstock/source/load-sources";
import type { Source, Stream } from "@penstock/source/model";
import { nearest } from "./nearest.ts";
import { splitName } from "./split-name.ts";

export type Target = { source: Source; stream: Stream };

/**
 * The streams that `<source>` or `<source>.<stream>` names, parents before their children.
 *
 * @throws ConfigError `SOURCE_UNKNOWN` with the nearest name, or with what the source's environment lacks
 */
export function resolveTarget(loaded: LoadedSources, text: string): Target[] {
  const [sourceName, streamName] = splitName(text);
  const source = loaded.sources.find(({ name }) => name === sourceName);
  if (source === undefined) throw unknownSource(loaded, sourceName);
  const streams = Object.values(source.streams);
  const chosen = streamName === undefined ? streams : streams.filter(({ name }) => name === streamName);
  if (chosen.length === 0) throw unknownStream(source, streamName ?? "");
  return parentsFirst(chosen, source).map((stream) => ({ source, stream }));
}

/**
 * The one stream that `<source>.<stream>` names.
 *
 * @throws ConfigError `SOURCE_UNKNOWN`; `CONFIG_INVALID` when it names a source of several
 */
export function resolveStream(loaded: LoadedSources, text: string): Target {
  const [target, ...others] = resolveTarget(loaded, text);
  if (target !== undefined && others.length === 0) return target;
  const names = [target, ...others].map((each) => `${each?.source.name}.${each?.stream.name}`);
  throw new ConfigError("CONFIG_INVALID", `${text} has several streams: say which, ${names.join(" or ")}`);
}

function unknownSource(loaded: LoadedSources, name: string): ConfigError {
  const unconfigured = loaded.unconfigured.find((source) => source.name === name);
  if (unconfigured !== undefined) {
    const remedy = "set what is missing in the environment or in .env";
    return new ConfigError("CONFIG_INVALID", `source ${name} is not configured: ${unconfigured.problems.join("; ")}`, {
      source: name,
      remedy,
    });
  }
  const known = [...loaded.sources, ...loaded.unconfigured].map((source) => source.name);
  return new ConfigError("SOURCE_UNKNOWN", `there is no source "${name}"; ${nearest(name, known)}`, { source: name });
}

function unknownStream(source: Source, name: string): ConfigError {
  const known = Object.keys(source.streams);
  const message = `source ${source.name} has no stream "${name}"; ${nearest(name, known)}`;
  return new ConfigError("SOURCE_UNKNOWN", message, { source: source.name, stream: name });
}
