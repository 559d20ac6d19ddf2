import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import { instantMs } from "@penstock/source/instant";

/** An object within each record that holds what the record is about, as GeoJSON and JSON:API have it. */
export function findWrapper(records: readonly JsonObject[]): string | undefined {
  return ["properties", "attributes", "fields"].find((name) => records.every((record) => isJsonObject(record[name])));
}

/** A record with its wrapper's fields beside its own, which win. */
export function flattened(record: JsonObject, wrapper: string | undefined): JsonObject {
  if (wrapper === undefined) return record;
  const { [wrapper]: inner, ...own } = record;
  return { ...(isJsonObject(inner) ? inner : {}), ...own };
}

const keyNames = [
  /^_?id$/i,
  /^(uuid|guid)$/i,
  /^(key|code|number|slug|sku|symbol)$/i,
  /_id$|Id$/,
  /^(name|login|email|url|href)$/i,
];

/** The field, or the two fields, that no two records share; by its usual name, if possible. `undefined` without any. */
export function findKey(records: readonly JsonObject[]): string[] | undefined {
  const [first = {}] = records;
  const usable = Object.keys(first).filter((field) => records.every((record) => isKeyPart(record[field])));
  const ranked = usable.toSorted((a, b) => keyRank(a) - keyRank(b));
  const single = ranked.find((field) => isUnique(records, [field]));
  if (single !== undefined) return [single];
  const pairs = ranked.flatMap((a, i) => ranked.slice(i + 1).map((b) => [a, b]));
  return pairs.find((pair) => isUnique(records, pair));
}

function keyRank(field: string): number {
  const rank = keyNames.findIndex((pattern) => pattern.test(field));
  return rank === -1 ? keyNames.length : rank;
}

function isKeyPart(value: JsonValue | undefined): boolean {
  return (typeof value === "string" && value !== "") || Number.isSafeInteger(value);
}

function isUnique(records: readonly JsonObject[], fields: string[]): boolean {
  return new Set(records.map((record) => JSON.stringify(fields.map((field) => record[field])))).size === records.length;
}

export type Times = {
  /** Rises whenever a record changes. */
  changed: string | undefined;
  /** When it came to be, or what it is about. */
  happened: string | undefined;
};

const changedName = /(updated|modified|changed)/i;
const happenedName =
  /(created|inserted|published|opened|started|occurred|timestamp|datetime)|^(ts|time|date)$|(_at|At|_on|_time|Time|_date|Date)$/;

/** Fields that hold a time in every record, by what their names say. */
export function findTimes(records: readonly JsonObject[]): Times {
  const [first = {}] = records;
  const times = Object.keys(first).filter((field) => records.every((record) => isTime(record[field])));
  const changed = times.find((field) => changedName.test(field));
  return { changed, happened: times.find((field) => field !== changed && happenedName.test(field)) };
}

const plausibleSeconds = { from: 5e8, to: 4e9 };

/** Text that is a time, or a number that would be one of this age, in seconds or milliseconds. */
function isTime(value: JsonValue | undefined): boolean {
  if (typeof value === "string") return instantMs(value) !== null;
  if (typeof value !== "number") return false;
  const seconds = value > 1e11 ? value / 1_000 : value;
  return seconds > plausibleSeconds.from && seconds < plausibleSeconds.to;
}

export type SampleOrder = "asc" | "desc" | "none";

/** How the sample is sorted by a field that holds times; `none` also where they are all the same. */
export function orderBy(records: readonly JsonObject[], field: string): SampleOrder {
  const times = records.map((record) => instantMs(record[field]) ?? 0);
  const steps = new Set(times.slice(1).map((time, i) => Math.sign(time - (times[i] ?? time))));
  if (steps.has(1) === steps.has(-1)) return "none";
  return steps.has(1) ? "asc" : "desc";
}
