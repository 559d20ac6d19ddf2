import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import { z } from "zod";

/** A zod schema as source text; nested objects are constants of their own. */
export type Declaration = { name: string; fields: [name: string, schema: string][] };

const enoughForWholeNumbers = 3;
const enoughForEnum = 20;
const mostEnumValues = 6;
const fewestOfEach = 3;
const longestEnum = 60;

/** From the narrowest to the widest; each is only taken when every value fits. */
const formats: [schema: z.ZodType, text: string][] = [
  [z.iso.datetime(), "z.iso.datetime()"],
  [z.iso.datetime({ offset: true }), "z.iso.datetime({ offset: true })"],
  [z.iso.datetime({ offset: true, local: true }), "z.iso.datetime({ offset: true, local: true })"],
  [z.iso.date(), "z.iso.date()"],
  [z.uuid(), "z.uuid()"],
  [z.email(), "z.email()"],
  [z.url({ protocol: /^https?$/ }), "z.url()"],
];

/**
 * Schemas that all of the objects fit, the outermost last. A field is optional where one lacks it and nullable where one has
 * `null`.
 */
export function declare(name: string, objects: readonly JsonObject[]): Declaration[] {
  const declarations: Declaration[] = [];
  const names = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  const fields = names.map((field): [string, string] => {
    const values = objects.flatMap((object) => (Object.hasOwn(object, field) ? [object[field] ?? null] : []));
    const isOptional = values.length < objects.length;
    return [field, schemaText(constantName(name, field), values, isOptional, declarations)];
  });
  return [...declarations, { name, fields }];
}

function schemaText(name: string, values: JsonValue[], isOptional: boolean, declarations: Declaration[]): string {
  const present = values.filter((value) => value !== null);
  if (present.length === 0) return `z.unknown()${isOptional ? ".optional()" : ""}`;
  const isNullable = present.length < values.length;
  const suffix = isNullable && isOptional ? ".nullish()" : isNullable ? ".nullable()" : isOptional ? ".optional()" : "";
  return kindsText(name, present, declarations) + suffix;
}

function kindsText(name: string, values: JsonValue[], declarations: Declaration[]): string {
  const kinds = [
    ...texts(values.filter((value) => typeof value === "string")),
    ...numbers(values.filter((value) => typeof value === "number")),
    ...(values.some((value) => typeof value === "boolean") ? ["z.boolean()"] : []),
    ...lists(
      name,
      values.filter((value) => Array.isArray(value)),
      declarations,
    ),
    ...objects(name, values.filter(isJsonObject), declarations),
  ];
  return kinds.length === 1 ? kinds.join("") : `z.union([${kinds.join(", ")}])`;
}

function texts(values: string[]): string[] {
  if (values.length === 0) return [];
  const format = formats.find(([schema]) => values.every((value) => schema.safeParse(value).success));
  if (format !== undefined) return [format[1]];
  const counts = Object.entries(Object.groupBy(values, (value) => value));
  return isClearlyEnum(counts, values.length)
    ? [`z.enum([${counts.map(([value]) => JSON.stringify(value)).join(", ")}])`]
    : ["z.string()"];
}

/** A few plain words, each of them several times over. */
function isClearlyEnum(counts: [string, string[] | undefined][], total: number): boolean {
  const isWord = (value: string) => /^[A-Za-z][A-Za-z_-]{0,15}$/.test(value);
  return (
    total >= enoughForEnum &&
    counts.length > 1 &&
    counts.length <= mostEnumValues &&
    counts.map(([value]) => value).join().length <= longestEnum &&
    counts.every(([value, alike = []]) => isWord(value) && alike.length >= fewestOfEach)
  );
}

/** Whole numbers only where there are enough to believe it: a price may be 10 in one record and 9.5 in the next. */
function numbers(values: number[]): string[] {
  if (values.length === 0) return [];
  const isWhole = values.length >= enoughForWholeNumbers && values.every(Number.isSafeInteger);
  return [isWhole ? "z.int()" : "z.number()"];
}

function lists(name: string, values: JsonValue[][], declarations: Declaration[]): string[] {
  if (values.length === 0) return [];
  const items = values.flat();
  return [`z.array(${items.length === 0 ? "z.unknown()" : schemaText(name, items, false, declarations)})`];
}

function objects(name: string, values: JsonObject[], declarations: Declaration[]): string[] {
  if (values.length === 0) return [];
  if (isDictionary(values)) return ["z.record(z.string(), z.unknown())"];
  declarations.push(...declare(name, values));
  return [name];
}

/** Objects without fields, or whose fields are not named alike, as in `{"2026-01-01": …}`. */
function isDictionary(values: JsonObject[]): boolean {
  const names = new Set(values.flatMap((value) => Object.keys(value)));
  return names.size === 0 || [...names].every((name) => /^[\d-]+$/.test(name)) || names.size > 100;
}

/** `record` and `html_url` make `recordHtmlUrl`. */
function constantName(outer: string, field: string): string {
  const words = field.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return outer + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}
