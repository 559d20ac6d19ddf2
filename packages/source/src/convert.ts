import type { ErrorCode } from "@penstock/core/error-codes";
import { InvalidRecordError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import type { z } from "zod";
import { describeValue } from "./describe-value.ts";
import { readField } from "./json-path.ts";
import type { Convert, ConvertContext, TransformContext } from "./model.ts";
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

const shownIssues = 3;

/** A {@link Convert} without transform: the record, as its schema gives it, is the output. */
export function convertAsIs<S extends z.ZodObject>(schema: S, special: SpecialFields): Convert {
  return (item, context) => [validInput(schema, item, context, special)];
}

export function convertWith<S extends z.ZodType, O extends z.ZodObject>(
  schema: S,
  output: O,
  transform: AnyTransform<S, O>,
  special: SpecialFields,
): Convert {
  return (item, context) => {
    const record = validInput(schema, item, context, special);
    const made = callTransform(transform, record, context);
    if (made === null) return [];
    return isSeveral(made)
      ? made.map((one) => validOutput(output, one, context))
      : [validOutput(output, made, context)];
  };
}

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

function validInput<S extends z.ZodType>(
  schema: S,
  item: JsonValue,
  context: TransformContext,
  special: SpecialFields,
): z.output<S> {
  const parsed = schema.safeParse(item);
  if (parsed.success) return parsed.data;
  throw invalid("record does not fit the schema", item, parsed.error, context, (path) =>
    codeOfField(path, item, special),
  );
}

function validOutput<O extends z.ZodObject>(output: O, made: z.input<O>, context: TransformContext): z.output<O> {
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

type Issue = z.core.$ZodIssue;

function invalid(
  what: string,
  value: unknown,
  error: z.ZodError,
  context: TransformContext,
  codeOf: (path: PropertyKey[]) => ErrorCode,
) {
  const issues = error.issues.map((issue) => describeIssue(issue, value));
  const [first] = error.issues;
  const more = issues.length > shownIssues ? `; and ${issues.length - shownIssues} more` : "";
  const message = `${what}: ${issues.slice(0, shownIssues).map(textOf).join("; ")}${more}`;
  const { source, stream } = context;
  return new InvalidRecordError(codeOf(first?.path ?? []), message, { source, stream, ...issues[0], cause: error });
}

export type DescribedIssue = { path: string; expected: string; received: string };

/** What is wrong with a value at one path of it. */
export function describeIssue(issue: Issue, value: unknown): DescribedIssue {
  return {
    path: issue.path.join("."),
    expected: expectedBy(issue),
    received: describeValue(valueAt(value, issue.path)),
  };
}

function textOf({ path, expected, received }: DescribedIssue): string {
  return `${path === "" ? "the record" : path}: expected ${expected}, received ${received}`;
}

function expectedBy(issue: Issue): string {
  if (issue.code === "invalid_type") return issue.expected;
  if (issue.code === "invalid_format") return issue.format;
  if (issue.code === "too_small") return `${issue.origin} from ${issue.minimum}`;
  if (issue.code === "too_big") return `${issue.origin} up to ${issue.maximum}`;
  if (issue.code === "invalid_value") return issue.values.map(String).join(" or ");
  return issue.message;
}

/** The value at a path of an issue. What is compared here is JSON, or was made by a transform and is only described. */
function valueAt(value: unknown, path: PropertyKey[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>(readField, value as JsonValue);
}
