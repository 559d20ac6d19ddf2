import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";

/** One field of a JSON Schema, at `owner.name` or `lines[].price`. */
export type SchemaField = { path: string; type: string; isRequired: boolean };
export type SchemaChange = {
  side: "input" | "output";
  path: string;
  change: "added" | "removed" | "changed";
  before?: string;
  after?: string;
};

/** The fields of an object's JSON Schema, those of the objects and lists in it too. */
export function fieldsOf(schema: JsonObject, prefix = ""): SchemaField[] {
  const { properties, required } = schema;
  if (!isJsonObject(properties)) return [];
  const isRequired = (name: string) => Array.isArray(required) && required.includes(name);
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    return [{ path, type: typeOf(field), isRequired: isRequired(name) }, ...below(field, path)];
  });
}

function below(field: JsonValue, path: string): SchemaField[] {
  return alternatives(field).flatMap((schema) => {
    const { items } = schema;
    return isJsonObject(items) ? below(items, `${path}[]`) : fieldsOf(schema, `${path}.`);
  });
}

function alternatives(schema: JsonValue): JsonObject[] {
  if (!isJsonObject(schema)) return [];
  const { anyOf } = schema;
  return Array.isArray(anyOf) ? anyOf.filter(isJsonObject) : [schema];
}

function typeOf(schema: JsonValue): string {
  const kinds = alternatives(schema).map((each) => {
    const { type, format, enum: values, const: only } = each;
    if (Array.isArray(values)) return values.map(String).join(" | ");
    if (only !== undefined) return String(only);
    if (typeof format === "string") return format;
    return Array.isArray(type) ? type.join(" | ") : typeof type === "string" ? type : "any";
  });
  return [...new Set(kinds)].join(" | ") || "any";
}

/** What differs between two schemas, field by field. */
export function schemaChanges(side: SchemaChange["side"], before: SchemaField[], after: SchemaField[]): SchemaChange[] {
  const text = ({ type, isRequired }: SchemaField) => `${type}${isRequired ? "" : ", optional"}`;
  const old = new Map(before.map((field) => [field.path, text(field)]));
  const now = new Map(after.map((field) => [field.path, text(field)]));
  const changes: SchemaChange[] = [];
  for (const [path, was] of old) if (!now.has(path)) changes.push({ side, path, change: "removed", before: was });
  for (const [path, is] of now) {
    const was = old.get(path);
    if (was === undefined) changes.push({ side, path, change: "added", after: is });
    else if (was !== is) changes.push({ side, path, change: "changed", before: was, after: is });
  }
  return changes;
}
