import { PermanentError } from "@penstock/core/errors";
import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import type { ParentValue, ParentValues } from "@penstock/core/partition";

/*
 * Path, query and body of a child stream are templates: `{number}` stands for the field `number` of the parent's record,
 * `{{number}}` for the text `{number}`.
 */

const placeholder = /\{(\{\w+\})\}|\{(\w+)\}/g;
const wholePlaceholder = /^\{(\w+)\}$/;

/** The fields that a template, or the texts within a JSON value, stand for. */
export function templateFields(template: JsonValue): string[] {
  if (typeof template === "string") return [...template.matchAll(placeholder)].flatMap(([, , field]) => field ?? []);
  if (Array.isArray(template)) return template.flatMap(templateFields);
  return isJsonObject(template) ? Object.values(template).flatMap(templateFields) : [];
}

/**
 * @param encode what is done to each value
 * @throws PermanentError `PARENT_VALUE_INVALID` when the parent has no such value
 */
export function fillText(template: string, parent: ParentValues, encode: (value: string) => string = String): string {
  return template.replaceAll(placeholder, (_match, literal: string | undefined, field: string) =>
    literal === undefined ? encode(String(fieldValue(parent, field))) : literal,
  );
}

/**
 * A path whose values stay within their segments: `/`, `?` and `#` are encoded, and a value that would make a segment empty
 * or one that leads elsewhere (`.`, `..`) is refused.
 *
 * @throws PermanentError `PARENT_VALUE_INVALID`
 */
export function fillPath(template: string, parent: ParentValues): string {
  return template
    .split("/")
    .map((segment) => (templateFields(segment).length === 0 ? fillText(segment, parent) : fillSegment(segment, parent)))
    .join("/");
}

function fillSegment(template: string, parent: ParentValues): string {
  const segment = fillText(template, parent, (value) => encodeURIComponent(value.toWellFormed()));
  if (segment !== "" && segment !== "." && segment !== "..") return segment;
  throw invalid(templateFields(template).join(", "), "a value that can stand in a path", `a path segment "${segment}"`);
}

/** Every text in a JSON body filled. One that is nothing but `{field}` becomes the value itself, a number for a number. */
export function fillBody(template: JsonObject, parent: ParentValues): JsonObject {
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, fillValue(value, parent)]));
}

function fillValue(template: JsonValue, parent: ParentValues): JsonValue {
  if (Array.isArray(template)) return template.map((item) => fillValue(item, parent));
  if (isJsonObject(template)) return fillBody(template, parent);
  if (typeof template !== "string") return template;
  const [, field] = wholePlaceholder.exec(template) ?? [];
  return field === undefined ? fillText(template, parent) : fieldValue(parent, field);
}

function fieldValue(parent: ParentValues, field: string): ParentValue {
  const value = Object.hasOwn(parent, field) ? parent[field] : undefined;
  if (value === undefined) throw invalid(field, "a value of the parent's record", "none");
  return value;
}

function invalid(path: string, expected: string, received: string): PermanentError {
  const message = `the parent's ${path} cannot fill the request: expected ${expected}, received ${received}`;
  return new PermanentError("PARENT_VALUE_INVALID", message, { path, expected, received });
}
