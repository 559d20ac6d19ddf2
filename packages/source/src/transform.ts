import type { CursorKind } from "@penstock/core/cursor";
import type { Drift } from "@penstock/core/drift";
import { InvalidRecordError } from "@penstock/core/errors";
import { contentHash } from "@penstock/core/hash";
import { canonicalJson, type JsonValue } from "@penstock/core/json";
import type { ParentValues } from "@penstock/core/partition";
import type { OutputRecord } from "@penstock/core/record";
import { sortableVersion } from "@penstock/core/version";
import { cursorText } from "./cursor-field.ts";
import { describeValue } from "./describe-value.ts";
import { instantOf } from "./instant.ts";
import { readField } from "./json-path.ts";
import type { ConvertContext, Output, Source, Stream, TransformContext } from "./model.ts";

/** `cursor`: the item's cursor text, `null` for streams without one. */
export type Transformation = ({ kind: "records"; records: OutputRecord[] } | { kind: "filtered" }) & {
  cursor: string | null;
};
/** The parent's record of a page of a child stream. */
export type ParentRecord = { key: string; values: ParentValues };
export type ItemContext = { fetchedAt: Date; onDrift?: (drift: Drift) => void };
export type Transformer = (item: JsonValue, context: ItemContext) => Transformation;

const maxKeyChars = 1_000;
const wellFormed = "well-formed text without NUL";

/**
 * From raw items to rows of the table `records`. The key of a child stream's record begins with its parent's, so that the
 * children of two parents never overwrite one another.
 *
 * @throws from the transformer, InvalidRecordError `RECORD_INVALID`, `FIELD_UNEXPECTED`, `KEY_MISSING`, `CURSOR_INVALID`,
 * `TRANSFORM_FAILED` or `OUTPUT_INVALID`, with path, expected and received where there is one field to blame
 * @throws PermanentError `SCHEMA_FROZEN`
 */
export function createTransformer(source: Source, stream: Stream, parent?: ParentRecord): Transformer {
  return (item, { fetchedAt, onDrift = () => {} }) => {
    const context: ConvertContext = {
      source: source.name,
      stream: stream.name,
      fetchedAt,
      onDrift,
      parent: parent?.values ?? {},
    };
    const { outputs, extra } = stream.convert(item, context);
    const extraJson = extra && outputJson(extra, context);
    const cursor = requireCursor(stream, item, context);
    if (outputs.length === 0) return { kind: "filtered", cursor };
    return {
      kind: "records",
      records: outputs.map((output) => toRecord(stream, output, context, parent?.key, extraJson)),
      cursor,
    };
  };
}

/** A record without a cursor value would never be asked for again if it changed, and hides how far the run has come. */
function requireCursor({ cursor }: Stream, item: JsonValue, context: TransformContext): string | null {
  const text = cursor === undefined ? null : cursor.of(item);
  if (cursor === undefined || text !== null) return text;
  const raw = cursor.raw(item);
  const isZoneMissing = cursor.zone === undefined && cursor.kind !== "number" && instantOf(raw) !== null;
  const expected = isZoneMissing ? "a time with a zone (or declare the cursor's zone)" : expectedOf(cursor.kind);
  const details = { path: cursor.field, expected, received: describeValue(raw) };
  throw invalid("CURSOR_INVALID", details, context);
}

const expectedOf = (kind: CursorKind): string => (kind === "string" ? wellFormed : kind);

function toRecord(
  stream: Stream,
  output: Output,
  context: TransformContext,
  parentKey: string | undefined,
  extra: string | undefined,
): OutputRecord {
  const key = keyOf(stream, output, context, parentKey);
  const data = outputJson(output, context);
  const [ts, version] = [eventTimeOf(stream, output), versionOf(stream, output)];
  if (extra === undefined) return { key, ts, version, data, hash: contentHash(data) };
  return { key, ts, version, data, hash: contentHash(`${data}\n${extra}`), extra };
}

function keyOf(stream: Stream, output: Output, context: TransformContext, parentKey: string | undefined): string {
  const parts = stream.key.map((field) => keyPart(field, output[field], context));
  const key = keyText(parentKey === undefined ? parts : [parentKey, ...parts]);
  if (key.length <= maxKeyChars) return key;
  const details = {
    path: stream.key.join(", "),
    expected: `a key of at most ${maxKeyChars} characters`,
    received: `${key.length} characters`,
  };
  throw invalid("RECORD_INVALID", details, context);
}

/**
 * Text without NUL and without halves of surrogate pairs, which databases refuse or fold together; a number that a double
 * holds exactly.
 */
function keyPart(field: string, value: unknown, context: TransformContext): string {
  if (typeof value === "string" && value !== "") {
    if (value.isWellFormed() && !value.includes("\0")) return value;
    throw invalid("RECORD_INVALID", { path: field, expected: wellFormed, received: describeValue(value) }, context);
  }
  if (Number.isSafeInteger(value) || typeof value === "boolean") return String(value);
  const code = value === undefined || value === null || value === "" ? "KEY_MISSING" : "RECORD_INVALID";
  throw invalid(code, { path: field, expected: "text or a safe integer", received: describeOutput(value) }, context);
}

function outputJson(output: Output, context: TransformContext): string {
  try {
    return canonicalJson(output);
  } catch (cause) {
    const { source, stream } = context;
    if (cause instanceof RangeError) {
      throw new InvalidRecordError("RECORD_INVALID", "the record is nested too deeply to be stored", {
        source,
        stream,
        cause,
      });
    }
    const message = `the record cannot be stored as JSON: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new InvalidRecordError("RECORD_INVALID", message, { source, stream, cause });
  }
}

function eventTimeOf({ eventTime }: Stream, output: Output): string | null {
  return eventTime === undefined ? null : instantOf(output[eventTime]);
}

function versionOf({ version }: Stream, output: Output): string | null {
  if (version === undefined) return null;
  const text = cursorText(version.kind, output[version.field]);
  return text === null ? null : sortableVersion(version.kind, text);
}

const keyText = (parts: string[]): string => (parts.length === 1 ? parts.join("") : JSON.stringify(parts));

/**
 * The key of an item that may be anything, as far as it can be read: from the raw fields that are called like the
 * stream's key fields, as its schema gives them where no function of the source comes after it.
 */
export function bestEffortKey(stream: Stream, item: JsonValue, parentKey?: string): string | null {
  const parts = stream.key.map((field) => {
    const raw = readField(item, field);
    const parsed = stream.isTransformed ? undefined : stream.output.shape[field]?.safeParse(raw);
    return parsed?.success === true ? parsed.data : raw;
  });
  if (!parts.every((part) => (typeof part === "string" && part !== "") || typeof part === "number")) return null;
  return keyText([...(parentKey === undefined ? [] : [parentKey]), ...parts.map(String)]);
}

type Blame = { path: string; expected: string; received: string };

function invalid(
  code: "RECORD_INVALID" | "KEY_MISSING" | "CURSOR_INVALID",
  blame: Blame,
  { source, stream }: TransformContext,
): InvalidRecordError {
  return new InvalidRecordError(code, `${blame.path}: expected ${blame.expected}, received ${blame.received}`, {
    source,
    stream,
    ...blame,
  });
}

function describeOutput(value: unknown): string {
  return value === undefined ? "nothing" : value === null ? "null" : value === "" ? "empty text" : typeof value;
}
