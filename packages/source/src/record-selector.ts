import { isJsonObject, type JsonValue } from "@penstock/core/json";
import { compile } from "json-p3";
import { type JsonPath, jsonPathReader } from "./json-path.ts";

/**
 * A selector of records: a plain path, `data.items` (`""` is the body itself), or a JSONPath (RFC 9535), which begins with `$`. A JSONPath that can
 * name one value only must name the array of records; of any other the values it finds are the records.
 *
 * @throws Error for what is no JSONPath
 */
export function recordSelector(path: JsonPath): (body: JsonValue) => JsonValue | undefined {
  const plain = plainPath(path);
  if (plain === "") return (body) => body;
  if (plain !== undefined) return jsonPathReader(plain);
  const query = compile(path);
  if (query.singularQuery()) return (body) => jsonOf(query.match(body)?.value);
  return (body) =>
    query
      .query(body)
      .values()
      .map(jsonOf)
      .filter((value) => value !== undefined);
}

/** The path without `$`, where it is one of names only; `""`: the body itself. `undefined` where it takes more to say it. */
export function plainPath(path: JsonPath): JsonPath | undefined {
  if (!path.startsWith("$")) return path;
  return /^\$(\.[A-Za-z_]\w*)*$/.test(path) ? path.slice(2) : undefined;
}

/** The library types what it found in a JSON value as anything. */
function jsonOf(value: unknown): JsonValue | undefined {
  const isScalar =
    value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  if (isScalar) return value;
  return isArray(value) || isObject(value) ? value : undefined;
}

const isArray = (value: unknown): value is JsonValue[] => Array.isArray(value);
const isObject = (value: unknown): value is { [field: string]: JsonValue } => isJsonObject(value);
