import { isJsonObject, type JsonObject } from "@penstock/core/json";

/** The fields of both, within objects too; of one that both have, the second's. */
export function mergeBodies(first: JsonObject | undefined, second: JsonObject | undefined): JsonObject {
  const merged = { ...first };
  for (const [name, value] of Object.entries(second ?? {})) {
    const present = Object.hasOwn(merged, name) ? merged[name] : undefined;
    merged[name] = isJsonObject(present) && isJsonObject(value) ? mergeBodies(present, value) : value;
  }
  return merged;
}
