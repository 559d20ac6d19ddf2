import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { extractPath, type UsgsFeature } from "./simulators/usgs-events.ts";

/*
 * Makes data/earthquakes.json.gz, the events that the replay of the USGS API serves, from the npm package vega-datasets,
 * which weighs 42 MB for this one file. Left out are links and identifiers that can be made from `id`, and fields that
 * the source does not store.
 */

const kept = [
  "mag",
  "magType",
  "place",
  "time",
  "updated",
  "url",
  "felt",
  "alert",
  "status",
  "tsunami",
  "sig",
  "net",
  "type",
  "title",
];

/** The extract's content for the original file's. */
export function extract(original: string): string {
  const { metadata, features }: { metadata: { generated: number }; features: UsgsFeature[] } = JSON.parse(original);
  const slim = features.map(({ type, id, properties, geometry }) => {
    return { type, id, properties: Object.fromEntries(kept.map((field) => [field, properties[field]])), geometry };
  });
  return JSON.stringify({
    type: "FeatureCollection",
    metadata: { generated: metadata.generated, count: slim.length },
    features: slim,
  });
}

/** Path of the original file, or `undefined` where the package is not installed. */
export function originalPath(): string | undefined {
  try {
    // The package exports its program only; the data lie beside it.
    return fileURLToPath(new URL("../data/earthquakes.json", import.meta.resolve("vega-datasets")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

if (import.meta.main) {
  const path = originalPath();
  if (path === undefined) throw new Error("vega-datasets is not installed: npm install");
  await writeFile(extractPath, gzipSync(extract(await readFile(path, "utf8")), { level: 9 }));
  process.stdout.write(`${extractPath}\n`);
}
