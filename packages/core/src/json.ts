/** Anything `JSON.parse` can return. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export type JsonObject = { [field: string]: JsonValue };

/** True for `{…}`, false for arrays, `null` and scalars. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * JSON text with the fields of every object in code-unit order, so that equal values have equal text
 * however an API orders its fields. The canonical form of RFC 8785, but for its number formatting,
 * which `JSON.stringify` already gives.
 */
export function canonicalJson(value: JsonValue): string {
  return JSON.stringify(value, sortFields);
}

function sortFields(_field: string, value: unknown): unknown {
  if (!isJsonObject(value)) return value;
  const fields = Object.keys(value);
  if (isSorted(fields)) return value;
  // A null prototype, so that a field called `__proto__` stays a field.
  const sorted: JsonObject = Object.create(null);
  for (const field of fields.sort()) sorted[field] = value[field] as JsonValue;
  return sorted;
}

function isSorted(fields: string[]): boolean {
  for (let i = 1; i < fields.length; i++) {
    if ((fields[i - 1] as string) > (fields[i] as string)) return false;
  }
  return true;
}
