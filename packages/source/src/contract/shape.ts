import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import { z } from "zod";

/**
 * Where a schema says which fields there are: made once of the schema, walked for every record. Where it says nothing –
 * unions, maps, whatever takes any value – there is no shape, and nothing there is new.
 */
export type Shape = { kind: "object"; fields: Fields } | { kind: "list"; of: Shape };
/** `open`: a field that the schema has, and does not say what is in it. */
type Fields = ReadonlyMap<string, Shape | "open">;

export type UnknownField = {
  /** Of this record: `lines.0.price`. */
  path: string;
  /** Of all like it: `lines[].price`. */
  name: string;
  value: JsonValue;
};

/** The shape of what a schema takes; `undefined` where it does not say. */
export function shapeOf(schema: unknown): Shape | undefined {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodArray) {
    const of = shapeOf(inner.element);
    return of && { kind: "list", of };
  }
  if (!(inner instanceof z.ZodObject) || inner.def.catchall !== undefined) return undefined;
  const shape: Record<string, unknown> = inner.shape;
  return {
    kind: "object",
    fields: new Map(Object.entries(shape).map(([field, of]) => [field, shapeOf(of) ?? "open"])),
  };
}

/** What stands behind `.optional()`, `.nullable()`, `.default()`, `.transform()` and their like. */
function unwrapped(schema: unknown): unknown {
  if (schema instanceof z.ZodPipe) return unwrapped(schema.in);
  const isWrapper =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly;
  return isWrapper ? unwrapped(schema.def.innerType) : schema;
}

/** The fields of a value that its shape does not have; `undefined` when there are none, which is nearly always. */
export function unknownFields(shape: Shape | undefined, value: JsonValue): UnknownField[] | undefined {
  if (shape === undefined || isKnown(shape, value)) return undefined;
  const found: UnknownField[] = [];
  collect(shape, value, { path: "", name: "" }, found);
  return found;
}

function isKnown(shape: Shape, value: JsonValue | undefined): boolean {
  if (shape.kind === "list") return !Array.isArray(value) || value.every((element) => isKnown(shape.of, element));
  if (!isJsonObject(value)) return true;
  for (const field in value) {
    const inner = shape.fields.get(field);
    if (inner === undefined || (inner !== "open" && !isKnown(inner, value[field]))) return false;
  }
  return true;
}

type At = { path: string; name: string };

function collect(shape: Shape, value: JsonValue, at: At, found: UnknownField[]): void {
  if (shape.kind === "list") {
    if (!Array.isArray(value)) return;
    value.forEach((element, i) => {
      collect(shape.of, element, { path: below(at.path, String(i)), name: `${at.name}[]` }, found);
    });
  } else if (isJsonObject(value)) collectFields(shape.fields, value, at, found);
}

function collectFields(fields: Fields, value: JsonObject, { path, name }: At, found: UnknownField[]): void {
  for (const field in value) {
    const shape = fields.get(field);
    const inner = value[field];
    if (shape === "open" || inner === undefined) continue;
    const at = { path: below(path, field), name: below(name, field) };
    if (shape === undefined) found.push({ ...at, value: inner });
    else collect(shape, inner, at, found);
  }
}

function below(path: string, field: string): string {
  return path === "" ? field : `${path}.${field}`;
}

/** A value's type, and nothing of the value. */
export function typeName(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}
