import type { ErrorCode } from "@penstock/core/error-codes";
import { InvalidRecordError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import type { z } from "zod";
import { isNamedSecret, shown } from "./conceal.ts";
import { describeValue } from "./describe-value.ts";
import { readField } from "./json-path.ts";
import type { TransformContext } from "./model.ts";

const shownIssues = 3;

type Issue = z.core.$ZodIssue;

/** The error of a record that does not fit, by the first of its issues. */
export function invalid(
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
    received: received(issue.path, valueAt(value, issue.path)),
  };
}

/** The letter keeps the record whole; what tells of it goes further. */
function received(path: PropertyKey[], value: JsonValue | undefined): string {
  return path.some((part) => isNamedSecret(String(part))) && typeof value === "string"
    ? `string ${shown}`
    : describeValue(value);
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
export function valueAt(value: unknown, path: PropertyKey[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>(readField, value as JsonValue);
}
