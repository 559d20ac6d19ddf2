import { isJsonObject, type JsonValue } from "@penstock/core/json";

/** Fields from the outside in, joined by dots: `properties.updated`. Array items by number. */
export type JsonPath = string;

/** A reader of the value at `path`; it gives `undefined` where there is none. Only own fields count. */
export function jsonPathReader(path: JsonPath): (value: JsonValue) => JsonValue | undefined {
  const [first = path, ...rest] = path.split(".");
  if (rest.length === 0) return (value) => readField(value, first);
  return (value) => [first, ...rest].reduce<JsonValue | undefined>(readField, value);
}

export function readField(value: JsonValue | undefined, field: PropertyKey): JsonValue | undefined {
  if (Array.isArray(value)) return value[Number(field)];
  return isJsonObject(value) && Object.hasOwn(value, field) ? value[String(field)] : undefined;
}
