import type { Contract } from "@penstock/core/drift";
import type { ErrorCode } from "@penstock/core/error-codes";
import { InvalidRecordError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import type { z } from "zod";
import { createRecordReader } from "./contract/read-record.ts";
import { tolerant } from "./contract/tolerant.ts";
import { invalid, valueAt } from "./convert-issues.ts";
import type { Convert, ConvertContext, Converted, TransformContext } from "./model.ts";
import type { ParentFields } from "./parent.ts";

/** One output, several, or none (`null`, or an empty array): then the record counts as filtered. */
export type Transformed<O extends z.ZodObject> = z.input<O> | readonly z.input<O>[] | null;
export type Transform<S extends z.ZodType, O extends z.ZodObject> = (
  record: z.output<S>,
  context: TransformContext,
) => Transformed<O>;
/** The transform of a child stream gets the values of the parent's record too. */
export type ChildTransform<S extends z.ZodType, O extends z.ZodObject, P extends ParentFields> = (
  record: z.output<S>,
  context: TransformContext & { parent: z.output<P> },
) => Transformed<O>;
type AnyTransform<S extends z.ZodType, O extends z.ZodObject> = (
  record: z.output<S>,
  context: ConvertContext,
) => Transformed<O>;

/** Which fields are key and cursor, so that what is wrong with them is told apart. */
export type SpecialFields = { key: string[]; cursorField: string | undefined };

/** A {@link Convert} without transform: the record, as its schema gives it, is the output. */
export function convertAsIs<S extends z.ZodObject>(schema: S, special: SpecialFields, contract: Contract): Convert {
  const read = createRecordReader({ schema, contract, refusal: refusalOf(special) });
  return (item, context) => {
    const found = read(item, context);
    return found.kind === "dropped" ? nothing : { outputs: [found.record], extra: found.extra };
  };
}

export function convertWith<S extends z.ZodType, O extends z.ZodObject>(
  { schema, output, transform }: { schema: S; output: O; transform: AnyTransform<S, O> },
  special: SpecialFields,
  contract: Contract,
): Convert {
  const read = createRecordReader({ schema, contract, refusal: refusalOf(special) });
  let tolerantOutput: z.ZodType<z.output<O>> | undefined;
  return (item, context) => {
    const found = read(item, context);
    if (found.kind === "dropped") return nothing;
    const made = callTransform(transform, found.record, context);
    if (made === null) return nothing;
    // Of what the API left out or wrote otherwise the transform cannot make what the output wants either.
    if (found.kind === "drifted") tolerantOutput ??= tolerant(output, contract) as z.ZodType<z.output<O>>;
    const by = found.kind === "drifted" && tolerantOutput !== undefined ? tolerantOutput : output;
    const outputs = isSeveral(made)
      ? made.map((one) => validOutput(by, one, context))
      : [validOutput(by, made, context)];
    return { outputs, extra: found.extra };
  };
}

const nothing: Converted = { outputs: [], extra: undefined };

/** A child's transform for values whose types are not known: they are validated, since the definition may have changed on their way. */
export function withParent<S extends z.ZodType, O extends z.ZodObject, P extends ParentFields>(
  fields: P,
  transform: ChildTransform<S, O, P>,
): AnyTransform<S, O> {
  return (record, context) => transform(record, { ...context, parent: fields.parse(context.parent) });
}

function isSeveral<T>(made: T | readonly T[]): made is readonly T[] {
  return Array.isArray(made);
}

function refusalOf(special: SpecialFields) {
  return (error: z.ZodError, item: JsonValue, context: TransformContext): InvalidRecordError =>
    invalid("record does not fit the schema", item, error, context, (path) => codeOfField(path, item, special));
}

function validOutput<T>(output: z.ZodType<T>, made: unknown, context: TransformContext): T {
  const parsed = output.safeParse(made);
  if (parsed.success) return parsed.data;
  throw invalid(
    "the transform's output does not fit the output schema",
    made,
    parsed.error,
    context,
    () => "OUTPUT_INVALID",
  );
}

function callTransform<S extends z.ZodType, O extends z.ZodObject>(
  transform: AnyTransform<S, O>,
  record: z.output<S>,
  context: ConvertContext,
): Transformed<O> {
  try {
    return transform(record, context);
  } catch (cause) {
    const message = `the transform threw: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new InvalidRecordError("TRANSFORM_FAILED", message, {
      source: context.source,
      stream: context.stream,
      cause,
    });
  }
}

function codeOfField(path: PropertyKey[], item: JsonValue, { key, cursorField }: SpecialFields): ErrorCode {
  const field = path.join(".");
  if (key.includes(field) && valueAt(item, path) == null) return "KEY_MISSING";
  return field === cursorField ? "CURSOR_INVALID" : "RECORD_INVALID";
}
