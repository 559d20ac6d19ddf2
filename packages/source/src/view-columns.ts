import { ConfigError } from "@penstock/core/errors";
import { shortHash } from "@penstock/core/hash";
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import { z } from "zod";
import type { Stream } from "./model.ts";

/** `json` holds objects, arrays and whatever may be of several types. */
export type ColumnType = "text" | "integer" | "real" | "boolean" | "timestamp" | "json";
/** `path`: where in the output it is; several names for a field of a nested object. */
export type ViewColumn = { name: string; type: ColumnType; path: string[] };

/** The view adds these: when the stored content was observed, and what of it the schema does not have. */
const addedColumns = ["fetched_at", "_extra"];

/**
 * Columns of a stream's typed view, in the order of its output schema. The fields of a nested object are columns of their own,
 * `owner_name` for `owner.name`.
 *
 * @throws ConfigError `SOURCE_INVALID` for a schema that JSON cannot hold, and for names that differ only in case, which
 * SQL takes for the same
 */
export function viewColumns(stream: Stream): ViewColumn[] {
  const columns = columnsOf(outputJsonSchema(stream), []);
  refuseCollisions(stream, columns);
  return columns;
}

function columnsOf(schema: JsonObject, parents: string[]): ViewColumn[] {
  const { properties } = schema;
  return Object.entries(isJsonObject(properties) ? properties : {}).flatMap(([field, inner]) => {
    const path = [...parents, field];
    const nested = nestedObject(inner);
    return nested === undefined ? [{ name: path.join("_"), type: columnType(inner), path }] : columnsOf(nested, path);
  });
}

/** The schema of an object whose fields are known, or of that or `null`. */
function nestedObject(schema: JsonValue): JsonObject | undefined {
  if (!isJsonObject(schema)) return undefined;
  const { anyOf = [schema] } = schema;
  const [object, ...others] = (Array.isArray(anyOf) ? anyOf : []).filter((each) => !isNull(each));
  const isPlain = others.length === 0 && isJsonObject(object) && object["additionalProperties"] === false;
  return isPlain && Object.keys(object["properties"] ?? {}).length > 0 ? object : undefined;
}

function isNull(schema: JsonValue): boolean {
  return isJsonObject(schema) && schema["type"] === "null";
}

/** `input`: of a record as the API sends it, `{}` for what JSON Schema cannot say; `output`: as it is stored. */
export type SchemaPair = { input: JsonObject; output: JsonObject };

/** Both schemas as JSON Schema, and a fingerprint of them that changes when either does. */
export function schemaVersion(stream: Stream): { fingerprint: string; jsonSchema: SchemaPair } {
  const known = versions.get(stream);
  if (known !== undefined) return known;
  const jsonSchema = { input: inputJsonSchema(stream), output: outputJsonSchema(stream) };
  const version = { fingerprint: shortHash(canonicalJson(jsonSchema)), jsonSchema };
  versions.set(stream, version);
  return version;
}

// Asked for with every page; a stream never changes.
const versions = new WeakMap<Stream, { fingerprint: string; jsonSchema: SchemaPair }>();

function inputJsonSchema(stream: Stream): JsonObject {
  return jsonOf(z.toJSONSchema(stream.schema, { io: "input", unrepresentable: "any" }));
}

function jsonOf(value: object): JsonObject {
  const schema: unknown = JSON.parse(JSON.stringify(value));
  return isJsonObject(schema) ? schema : {};
}

function outputJsonSchema(stream: Stream): JsonObject {
  try {
    return jsonOf(z.toJSONSchema(stream.output, { io: "output" }));
  } catch (cause) {
    const message = `stream ${stream.name}: the output schema has a type that JSON cannot hold: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new ConfigError("SOURCE_INVALID", message, { stream: stream.name, cause });
  }
}

function columnType(schema: JsonValue): ColumnType {
  const kinds = new Set(possibleKinds(schema));
  kinds.delete("null");
  const [kind, ...others] = kinds;
  return kind === undefined || others.length > 0 ? "json" : (typeOfKind[kind] ?? "json");
}

const typeOfKind: { [kind: string]: ColumnType } = {
  string: "text",
  integer: "integer",
  number: "real",
  boolean: "boolean",
  "date-time": "timestamp",
};

/** JSON Schema types that a value may have, `date-time` for texts that are times; `any` where all are possible. */
function possibleKinds(schema: JsonValue): string[] {
  if (!isJsonObject(schema)) return ["any"];
  const alternatives = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(alternatives)) return alternatives.flatMap(possibleKinds);
  if (schema["format"] === "date-time") return ["date-time"];
  const { type } = schema;
  return typeof type === "string" ? [type] : Array.isArray(type) ? type.map(String) : ["any"];
}

function refuseCollisions(stream: Stream, columns: ViewColumn[]): void {
  const seen = new Map(addedColumns.map((name) => [name, name]));
  for (const { name } of columns) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      const message = `stream ${stream.name}: output field ${name} has the name of column ${other} of its view; rename it`;
      throw new ConfigError("SOURCE_INVALID", message, { stream: stream.name, path: name });
    }
    seen.set(name.toLowerCase(), name);
  }
}
