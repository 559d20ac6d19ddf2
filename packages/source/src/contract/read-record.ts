import type { Contract, Drift } from "@penstock/core/drift";
import { InvalidRecordError, PermanentError } from "@penstock/core/errors";
import type { JsonObject, JsonValue } from "@penstock/core/json";
import type { z } from "zod";
import type { TransformContext } from "../model.ts";
import { leaveOut, type Unfit, unfitting } from "./issue-drift.ts";
import { shapeOf, typeName, type UnknownField, unknownFields } from "./shape.ts";
import { tolerant } from "./tolerant.ts";

/**
 * `drifted`: the record was taken although it does not fit; what it is made into need not fit either.
 * `dropped`: the contract says to discard such records.
 */
export type ReadRecord<T> =
  | { kind: "fits" | "drifted"; record: T; extra: JsonObject | undefined }
  | { kind: "dropped" };

export type DriftContext = TransformContext & { onDrift: (drift: Drift) => void };

export type ReadOptions<S extends z.ZodType> = {
  schema: S;
  contract: Contract;
  /** What to throw for a record that does not fit. */
  refusal: (error: z.ZodError, item: JsonValue, context: TransformContext) => InvalidRecordError;
};

/**
 * Reads raw records by a schema and a contract. What fits costs the schema's own validation and one look at the names of its
 * fields.
 *
 * @throws from the reader, InvalidRecordError for what is to be a dead letter, PermanentError `SCHEMA_FROZEN`
 */
export function createRecordReader<S extends z.ZodType>({ schema, contract, refusal }: ReadOptions<S>) {
  const shape = shapeOf(schema);
  let tolerantSchema: z.ZodType | undefined;

  function readUnfit(error: z.ZodError, item: JsonValue, unfit: Unfit[], context: TransformContext) {
    const isDrift = unfit.length === error.issues.length;
    if (!isDrift || unfit.some(({ action }) => action === "quarantine")) throw refusal(error, item, context);
    if (unfit.some(({ kind, action }) => kind === "missingField" && action === "discard")) return undefined;
    tolerantSchema ??= tolerant(schema, contract);
    const left = leaveOut(item, unfit);
    const parsed = tolerantSchema.safeParse(left.item);
    if (!parsed.success) throw refusal(error, item, context);
    // The schema's type but for what drifted: that a contract lets this through is the definition's own choice.
    return { record: parsed.data as z.output<S>, extra: left.extra };
  }

  return (item: JsonValue, context: DriftContext): ReadRecord<z.output<S>> => {
    const parsed = schema.safeParse(item);
    const unknown = unknownFields(shape, item);
    if (parsed.success && unknown === undefined) return { kind: "fits", record: parsed.data, extra: undefined };
    const unfit = parsed.success ? [] : unfitting(parsed.error, item, contract);
    const drift = [...newFields(unknown, contract), ...unfit];
    for (const each of drift) context.onDrift(each);
    refuseFrozen(drift, context);
    if (unknown !== undefined && contract.newField === "quarantine") throw unexpected(unknown, context);
    const extra = kept(unknown, contract);
    if (parsed.success) return { kind: "fits", record: parsed.data, extra };
    const read = readUnfit(parsed.error, item, unfit, context);
    if (read === undefined) return { kind: "dropped" };
    return { kind: "drifted", record: read.record, extra: merged(extra, read.extra) };
  };
}

function newFields(unknown: UnknownField[] | undefined, { newField: action }: Contract): Drift[] {
  if (unknown === undefined) return [];
  return unknown.map(({ name, value }) => {
    return { kind: "newField", action, path: name, expected: "nothing", came: typeName(value) };
  });
}

/** What is frozen comes before anything else that may be wrong with the record. */
function refuseFrozen(found: Drift[], { source, stream }: TransformContext): void {
  const frozen = found.find(({ action }) => action === "freeze");
  if (frozen === undefined) return;
  const { kind, path, expected, came } = frozen;
  const message = `the contract of ${source}.${stream} freezes its schema, and ${path} drifted (${kind}): expected ${expected}, received ${came}`;
  throw new PermanentError("SCHEMA_FROZEN", message, { source, stream, path, expected, received: came });
}

function unexpected([first]: UnknownField[], { source, stream }: TransformContext): InvalidRecordError {
  const path = first?.path ?? "";
  const message = `the schema has no field ${path}, and the contract puts records with new ones aside`;
  const received = typeName(first?.value);
  return new InvalidRecordError("FIELD_UNEXPECTED", message, { source, stream, path, expected: "nothing", received });
}

function kept(unknown: UnknownField[] | undefined, { newField }: Contract): JsonObject | undefined {
  if (unknown === undefined || newField !== "evolve") return undefined;
  return Object.fromEntries(unknown.map(({ path, value }) => [path, value]));
}

function merged(a: JsonObject | undefined, b: JsonObject): JsonObject | undefined {
  const both = { ...a, ...b };
  return Object.keys(both).length === 0 ? undefined : both;
}
