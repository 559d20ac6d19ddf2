import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";

/** Where the records are: a path of fields, empty when the response is the array itself. */
export type FoundRecords = { path: string[]; records: JsonObject[] };

const usualNames = ["data", "items", "results", "records", "features", "entries", "rows", "value", "hits", "list"];
const deepest = 3;

/** The array of objects that looks most like the records: by its usual name, else the longest. `undefined` without any. */
export function findRecords(body: JsonValue): FoundRecords | undefined {
  const found = [...arraysOfObjects(body, [])];
  return found.toSorted((a, b) => rank(a) - rank(b) || b.records.length - a.records.length)[0];
}

function rank({ path }: FoundRecords): number {
  const place = usualNames.indexOf(path.at(-1)?.toLowerCase() ?? "");
  return path.length === 0 ? -1 : place === -1 ? usualNames.length : place;
}

function* arraysOfObjects(value: JsonValue, path: string[]): Generator<FoundRecords> {
  if (Array.isArray(value)) {
    const records = value.filter(isJsonObject);
    if (records.length > 0 && records.length === value.length) yield { path, records };
  } else if (isJsonObject(value) && path.length < deepest) {
    for (const [name, inner] of Object.entries(value)) yield* arraysOfObjects(inner, [...path, name]);
  }
}

/** Every field of the response outside the records, with its path. */
export function* fieldsBeside(
  body: JsonValue,
  records: readonly string[],
): Generator<{ path: string[]; value: JsonValue }> {
  yield* fieldsOf(body, [], records.join("\0"));
}

function* fieldsOf(value: JsonValue, path: string[], records: string): Generator<{ path: string[]; value: JsonValue }> {
  if (!isJsonObject(value) || path.length > deepest) return;
  for (const [name, inner] of Object.entries(value)) {
    const at = [...path, name];
    if (at.join("\0") === records) continue;
    yield { path: at, value: inner };
    yield* fieldsOf(inner, at, records);
  }
}
