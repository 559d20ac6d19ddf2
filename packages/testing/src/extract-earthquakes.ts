import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { extractPath, type UsgsFeature } from "./simulators/usgs-events.ts";

/*
 * Makes data/earthquakes.json.gz, the events that the replay of the USGS API serves, from the npm package vega-datasets,
 * which weighs 42 MB for this one file. With --check it only compares. Left out are links and identifiers that can be made from `id`, and fields that
 * the source does not store.
 */

const original = "vega-datasets@3.2.1";
const run = promisify(execFile);

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
function extract(text: string): string {
  const { metadata, features }: { metadata: { generated: number }; features: UsgsFeature[] } = JSON.parse(text);
  const slim = features.map(({ type, id, properties, geometry }) => {
    return { type, id, properties: Object.fromEntries(kept.map((field) => [field, properties[field]])), geometry };
  });
  return JSON.stringify({
    type: "FeatureCollection",
    metadata: { generated: metadata.generated, count: slim.length },
    features: slim,
  });
}

/** The original file, out of the package as npm has it. */
async function readOriginal(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vega-datasets-"));
  try {
    await run("npm", ["pack", original, "--pack-destination", folder], { cwd: folder });
    const [archive = ""] = await readdir(folder);
    await run("tar", ["-xzf", archive, "package/data/earthquakes.json"], { cwd: folder });
    return await readFile(join(folder, "package/data/earthquakes.json"), "utf8");
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const extracted = extract(await readOriginal());
  if (process.argv.includes("--check")) {
    const kept = gunzipSync(await readFile(extractPath)).toString("utf8");
    if (kept !== extracted) throw new Error(`${extractPath} is not what ${original} gives`);
  } else {
    await writeFile(extractPath, gzipSync(extracted, { level: 9 }));
  }
  process.stdout.write(`${extractPath}\n`);
}
