import type { Contract, Drift, DriftKind } from "@penstock/core/drift";
import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import type { z } from "zod";
import { describeIssue, valueAt } from "../convert-issues.ts";
import { typeName } from "./shape.ts";

type Issue = z.core.$ZodIssue;

/** Drift that the schema itself finds. `field`: what a record would have to do without. */
export type Unfit = Drift & { field: PropertyKey[] };

/** The issues that are drift. One that is not – a value of the right type that breaks another rule – is no matter of the contract. */
export function unfitting(error: z.ZodError, item: JsonValue, contract: Contract): Unfit[] {
  return error.issues.flatMap((issue) => {
    const kind = kindOf(issue, item);
    const field = fieldOf(issue);
    if (kind === undefined || field.length === 0) return [];
    const { expected } = describeIssue(issue, item);
    const came = typeName(valueAt(item, issue.path));
    return { kind, action: contract[kind], path: pathName(issue.path), expected, came, field };
  });
}

function kindOf(issue: Issue, item: JsonValue): DriftKind | undefined {
  const isOfType = issue.code === "invalid_type" || issue.code === "invalid_union" || issue.code === "invalid_value";
  if (!isOfType) return undefined;
  const received = valueAt(item, issue.path);
  if (received === undefined) return "missingField";
  if (issue.code === "invalid_value") {
    return issue.values.some((value) => typeof value === typeof received) ? "newValue" : "changedType";
  }
  return issue.code === "invalid_union" && issue.discriminator !== undefined ? "newValue" : "changedType";
}

/** Of an issue in an element of a list the field that holds the list: what a record can do without is a field. */
function fieldOf({ path }: Issue): PropertyKey[] {
  return path.slice(0, path.findLastIndex((part) => typeof part === "string") + 1);
}

/** `lines[].price` for `lines.3.price`. */
function pathName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === "number") return `${name}[]`;
    return name === "" ? String(part) : `${name}.${String(part)}`;
  }, "");
}

/** The item without the fields that do not fit, and what of them is kept. New values that evolve stay where they are. */
export function leaveOut(item: JsonValue, unfit: Unfit[]): { item: JsonValue; extra: JsonObject } {
  const left = unfit.filter(
    ({ kind, action }) => kind === "changedType" || (kind === "newValue" && action !== "evolve"),
  );
  const evolved = left.filter(({ action }) => action === "evolve");
  const extra = evolved.flatMap(({ field }) => {
    const value = valueAt(item, field);
    return value === undefined ? [] : [[field.join("."), value] as const];
  });
  return { item: left.reduce((rest, { field }) => without(rest, field), item), extra: Object.fromEntries(extra) };
}

function without(value: JsonValue, [field, ...below]: readonly PropertyKey[]): JsonValue {
  if (field === undefined) return value;
  if (Array.isArray(value)) return value.map((element, i) => (i === field ? without(element, below) : element));
  if (!isJsonObject(value)) return value;
  const { [String(field)]: inner, ...rest } = value;
  return below.length === 0 || inner === undefined ? rest : { ...rest, [String(field)]: without(inner, below) };
}
