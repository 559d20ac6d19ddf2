import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";

/** The fields of both, within objects too; of one that both have, the second's. */
export function mergeBodies(first: JsonObject | undefined, second: JsonObject | undefined): JsonObject {
  const merged = new Map<string, JsonValue>(Object.entries(first ?? {}));
  for (const [name, value] of Object.entries(second ?? {})) {
    const present = merged.get(name);
    merged.set(name, isJsonObject(present) && isJsonObject(value) ? mergeBodies(present, value) : value);
  }
  return Object.fromEntries(merged);
}
