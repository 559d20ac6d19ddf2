import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

/** One event as the USGS sends it, GeoJSON. Only the fields that the replay itself looks at are typed. */
export type UsgsFeature = {
  type: "Feature";
  id: string;
  properties: { mag: number | null; time: number; updated: number; [field: string]: unknown };
  geometry: { type: "Point"; coordinates: number[] };
};

export const extractPath = join(import.meta.dirname, "../../data/earthquakes.json.gz");

/** The events of the extract, in the order of the original file: newest first. */
export async function readEvents(): Promise<UsgsFeature[]> {
  const json = await promisify(gunzip)(await readFile(extractPath));
  const collection: { features: UsgsFeature[] } = JSON.parse(json.toString("utf8"));
  return collection.features;
}
