import { isJsonObject, type JsonValue } from "@penstock/core/json";
import { compile, type JSONPathQuery, jsonpath } from "json-p3";
import { type JsonPath, jsonPathReader } from "./json-path.ts";

/**
 * A selector of records: a plain path, `data.items` (`""` is the body itself), or a JSONPath (RFC 9535), which begins with `$`. A JSONPath that can
 * name one value only must name the array of records; of any other the values it finds are the records. One that finds none
 * gives an empty array only where there was something to choose from, see {@link isEmpty}; else `undefined`, as a name does that
 * is not there: a path that is misspelt, or an API that answers in another way, must not pass for an empty collection.
 *
 * @throws Error for what is no JSONPath
 */
export function recordSelector(path: JsonPath): (body: JsonValue) => JsonValue | undefined {
  const plain = plainPath(path);
  if (plain === "") return (body) => body;
  if (plain !== undefined) return jsonPathReader(plain);
  const query = compile(path);
  if (query.singularQuery()) return (body) => jsonOf(query.match(body)?.value);
  return (body) => {
    const found = query.query(body).values();
    if (found.length === 0 && !isEmpty(query, body)) return undefined;
    return found.map(jsonOf).filter((value) => value !== undefined);
  };
}

/**
 * Whether a query that finds nothing stopped at elements to choose from – `[*]`, `[?…]` or a slice, behind an array or an
 * object – rather than at a name or a number that is not there, or behind `..`.
 */
function isEmpty({ environment, segments }: JSONPathQuery, body: JsonValue): boolean {
  for (const [i, segment] of segments.entries()) {
    const before = new jsonpath.JSONPathQuery(environment, segments.slice(0, i)).query(body);
    if (segment.resolve([...before]).length > 0) continue;
    const chooses = segment.selectors.every((selector) => choosing.some((kind) => selector instanceof kind));
    const isChild = !segment.toString().startsWith("..");
    return chooses && isChild && before.values().some((value) => isArray(value) || isObject(value));
  }
  return false;
}

const { WildcardSelector, FilterSelector, SliceSelector } = jsonpath.selectors;
const choosing = [WildcardSelector, FilterSelector, SliceSelector];

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
