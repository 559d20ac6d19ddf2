import { randomUUID } from "node:crypto";

/** Anything `JSON.parse` can return. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export type JsonObject = { [field: string]: JsonValue };

/** True for `{…}`, false for arrays, `null` and scalars. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A number that JSON can write and a double cannot hold: parsed, it is infinite. */
const beyondDoubles = "1e999";

/**
 * JSON text that gives the value back when it is parsed. `JSON.stringify` writes `null` for an infinite number, which is what
 * `JSON.parse` makes of `1e400`: a wrong value would pass for a missing one.
 *
 * @throws RangeError for values nested too deeply for the stack
 */
export function jsonText(value: JsonValue): string {
  const root = [value];
  const places = infiniteIn(root);
  if (places.length === 0) return JSON.stringify(value);
  // Not a fixed one: an API could send it as a text.
  const infinite = randomUUID();
  for (const { set, isNegative } of places) set(isNegative ? `-${infinite}` : infinite);
  const text = JSON.stringify(root[0]);
  for (const { set, isNegative } of places) set(isNegative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
  return text.replaceAll(`"${infinite}"`, beyondDoubles).replaceAll(`"-${infinite}"`, `-${beyondDoubles}`);
}

type Place = { isNegative: boolean; set(value: string | number): void };

/** Without recursion and without a replacer function, both of which give up at a depth that `JSON.stringify` alone can do. */
function infiniteIn(root: JsonValue[]): Place[] {
  const places: Place[] = [];
  const todo: (JsonValue[] | JsonObject)[] = [root];
  for (let holder = todo.pop(); holder !== undefined; holder = todo.pop()) {
    // An array's indices are its fields too.
    const at = holder as JsonObject;
    for (const field of Object.keys(at)) {
      const inner = at[field];
      if (typeof inner === "object" && inner !== null) todo.push(inner);
      else if (inner === Number.POSITIVE_INFINITY || inner === Number.NEGATIVE_INFINITY) {
        const set = (value: string | number) => {
          at[field] = value;
        };
        places.push({ isNegative: inner < 0, set });
      }
    }
  }
  return places;
}

/**
 * JSON text with the fields of every object in code-unit order, so that equal values have equal text
 * however an API orders its fields. The canonical form of RFC 8785, but for its number formatting,
 * which `JSON.stringify` already gives. As there, fields that are `undefined` are left out.
 *
 * @throws TypeError for what JSON has no text for, numbers that are not finite among it: `JSON.parse("1e400")` gives one,
 * and `JSON.stringify` would make `null` of it
 * @throws RangeError for values nested too deeply for the stack
 */
export function canonicalJson(value: unknown): string {
  if (value === undefined) throw new TypeError("undefined is no JSON value");
  return JSON.stringify(withSortedFields(value));
}

/** A copy, since a replacer function, which could do without one, takes three times as long; this runs for every record. */
function withSortedFields(value: unknown): unknown {
  if (typeof value === "string" || typeof value === "boolean" || value == null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map(withSortedFields);
  if (typeof value === "object" && isPlain(value)) return sortedCopy(value);
  throw new TypeError(`${typeof value === "number" ? value : typeof value} is no JSON value`);
}

function sortedCopy(value: { readonly [field: string]: unknown }): object {
  const fields = sorted(Object.keys(value));
  // A null prototype, so that a field called `__proto__` stays a field; only then, since such objects are slow.
  const copy: { [field: string]: unknown } = fields.includes("__proto__") ? Object.create(null) : {};
  for (const field of fields) copy[field] = withSortedFields(value[field]);
  return copy;
}

/** Not a Date, Map or other object whose fields do not say what it is. */
function isPlain(value: object): value is { readonly [field: string]: unknown } {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** In place. A record's few fields are often in order already, and `sort` allocates more for them than the record itself takes. */
function sorted(fields: string[]): string[] {
  if (fields.length > 32) return fields.sort();
  for (let end = 1; end < fields.length; end++) {
    const field = fields[end] ?? "";
    let at = end;
    for (let before = fields[at - 1]; at > 0 && before !== undefined && before > field; before = fields[at - 1]) {
      fields[at] = before;
      at--;
    }
    fields[at] = field;
  }
  return fields;
}
