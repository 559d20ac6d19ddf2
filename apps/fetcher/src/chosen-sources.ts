import { ConfigError } from "@penstock/core/errors";

/**
 * The sources that this process is to fetch from, of those that are defined; `undefined`: all.
 *
 * @throws ConfigError `CONFIG_INVALID` when one is not defined: it would be waited for in vain
 */
export function chosenSources(chosen: string[] | undefined, defined: readonly string[]): string[] | undefined {
  const unknown = chosen?.filter((name) => !defined.includes(name)) ?? [];
  if (unknown.length === 0) return chosen;
  const expected = `names of sources that can be used here (${defined.join(", ")})`;
  const message = `PENSTOCK_FETCH_SOURCES: expected ${expected}, received ${JSON.stringify(unknown.join(","))}`;
  throw new ConfigError("CONFIG_INVALID", message, { path: "PENSTOCK_FETCH_SOURCES" });
}
