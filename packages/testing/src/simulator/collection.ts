import type { JsonObject, JsonValue } from "./json.ts";
import { randomAt } from "./seeded-random.ts";

export type CollectionOptions = {
  /** How many to generate, or the records themselves in any order. */
  records: number | JsonObject[];
  seed?: number;
  /** Of the generated records, `count` from the `from`-th on share one timestamp. */
  sameTimestamp?: { from: number; count: number };
  /** Field that identifies a record; default `id`. */
  keyField?: string;
  /** Field the collection is sorted by: ISO 8601 or milliseconds since 1970. Default `ts`. */
  timeField?: string;
  /** Oldest first, the default, or newest first. */
  order?: "asc" | "desc";
};

export type Entry = { key: string; at: number; record: JsonObject };

/** Records in the order the API gives them. */
export type Listing = {
  entries(): readonly Entry[];
  /** The index of the first entry that comes after this place in the order, whether or not it still exists. */
  indexAfter(place: { at: number; key: string }): number;
};

/** What the API holds. Changes show in the next page that is asked for. */
export type Collection = Listing & {
  /** Only those whose `field` has this value: the children of one parent. */
  where(field: string, value: string): Listing;
  /** New records, later than all there are. */
  insert(count: number): void;
  /** Records as given: late ones, records with a time of their own. One of a known key replaces it. */
  put(...records: JsonObject[]): void;
  /** Gives a record another value and a time later than all there are. */
  update(key: string): void;
  remove(key: string): void;
  /** Keys that were removed. */
  removed(): ReadonlySet<string>;
  /** The table that a correct pipeline ends with: what is there now, by key. */
  reference(): JsonObject[];
  size(): number;
};

const firstAt = Date.UTC(2026, 0, 1);
const stepMs = 250;

export function createCollection(options: CollectionOptions): Collection {
  const { seed = 0, keyField = "id", timeField = "ts", order = "asc" } = options;
  const byKey = new Map<string, Entry>();
  const removed = new Set<string>();
  const direction = order === "asc" ? 1 : -1;
  let sorted: Entry[] | undefined;
  let generated = 0;
  let latestAt = firstAt - stepMs;

  function put(...records: JsonObject[]): void {
    for (const record of records) {
      const entry = { key: String(record[keyField]), at: timeOf(record[timeField], timeField), record };
      byKey.set(entry.key, entry);
      removed.delete(entry.key);
      latestAt = Math.max(latestAt, entry.at);
    }
    sorted = undefined;
  }

  function generate(count: number, timeAt: (n: number) => number): void {
    for (let i = 0; i < count; i += 1) {
      put(generateRecord(seed, generated, timeAt(generated), { keyField, timeField }));
      generated += 1;
    }
  }

  function update(key: string): void {
    const entry = byKey.get(key);
    if (entry === undefined) throw new Error(`the collection has no record ${key}`);
    const at = latestAt + stepMs;
    put({
      ...entry.record,
      [timeField]: timeLike(entry.record[timeField], at),
      value: Math.round(at / stepMs) % 10_000,
    });
  }

  function remove(key: string): void {
    if (byKey.delete(key)) removed.add(key);
    sorted = undefined;
  }

  const compare = (a: { at: number; key: string }, b: { at: number; key: string }) =>
    (a.at - b.at || (a.key < b.key ? -1 : Number(a.key > b.key))) * direction;

  function entries(): Entry[] {
    sorted ??= [...byKey.values()].sort(compare);
    return sorted;
  }

  if (typeof options.records === "number") generate(options.records, sharedTimes(options.sameTimestamp));
  else put(...options.records);

  function listing(list: () => readonly Entry[]): Listing {
    return { entries: list, indexAfter: (place) => firstIndex(list(), (entry) => compare(entry, place) > 0) };
  }

  const groups = new Map<string, { of: readonly Entry[]; byValue: Map<string, Entry[]> }>();
  function grouped(field: string): Map<string, Entry[]> {
    const known = groups.get(field);
    if (known?.of === entries()) return known.byValue;
    const byValue = Map.groupBy(entries(), ({ record }) => String(record[field]));
    groups.set(field, { of: entries(), byValue });
    return byValue;
  }

  return {
    ...listing(entries),
    where: (field, value) => listing(() => grouped(field).get(value) ?? []),
    insert: (count) => generate(count, () => latestAt + stepMs),
    put,
    update,
    remove,
    removed: () => removed,
    reference: () =>
      [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))).map(({ record }) => record),
    size: () => byKey.size,
  };
}

/** Binary search over a list in which all that satisfy `isBeyond` come last. */
export function firstIndex<T>(list: readonly T[], isBeyond: (item: T) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = list[middle];
    if (item !== undefined && isBeyond(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function sharedTimes(shared: CollectionOptions["sameTimestamp"]): (n: number) => number {
  return (n) => {
    const isShared = shared !== undefined && n >= shared.from && n < shared.from + shared.count;
    return firstAt + (isShared ? shared.from : n) * stepMs;
  };
}

/** In the shape of the external API's records: one every 250 ms, every third with a `meta`. */
function generateRecord(
  seed: number,
  n: number,
  at: number,
  { keyField, timeField }: { keyField: string; timeField: string },
): JsonObject {
  const record = {
    [keyField]: `rec-${String(n).padStart(7, "0")}`,
    [timeField]: new Date(at).toISOString(),
    value: Math.floor(randomAt(seed, n) * 10_000) / 10,
  };
  return n % 3 === 0 ? { ...record, meta: { batch: Math.floor(n / 500) } } : record;
}

function timeOf(value: JsonValue | undefined, field: string): number {
  const at = typeof value === "number" ? value : Date.parse(String(value));
  if (Number.isNaN(at)) throw new Error(`a record's field ${field} is no time: ${String(value)}`);
  return at;
}

function timeLike(before: JsonValue | undefined, at: number): JsonValue {
  return typeof before === "number" ? at : new Date(at).toISOString();
}
