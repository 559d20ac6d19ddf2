import { type LargestCursors, timeIn, withCursor } from "@penstock/core/cursor";
import { codeOf, messageOf } from "@penstock/core/decision";
import { createDriftTally, type DriftCount } from "@penstock/core/drift";
import { InvalidRecordError, type PenstockError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import type { NumberedRecord } from "@penstock/core/record";
import type { Source, Stream } from "@penstock/source/model";
import { createTransformer, type ParentRecord } from "@penstock/source/transform";

export type RefusedItem = { input: number; error: PenstockError };

/** What the items of a page became, every input in exactly one of: a record's `input`, duplicate, filtered, refused. */
export type PageRecords = {
  /** One per key, sorted by key. */
  records: NumberedRecord[];
  refused: RefusedItem[];
  filtered: number;
  duplicate: number;
  /** Largest cursor value of the accepted inputs, or the one before it. */
  boundCandidate: string | null;
  watermark: Date | null;
  /** Accepted inputs whose cursor value is too far ahead to be believed: stored, but no bound. */
  implausible: number;
  /** What of the items the schema does not say. */
  drift: DriftCount[];
  /** Why the page must not be committed, where the contract freezes what drifted. */
  frozen: string | null;
};

/** How far ahead of the request a time may be and still be taken for one: clocks differ, and zones are mistaken. */
const plausibleAheadMs = 3_600_000;

/** Validates and transforms a page's items. Of several records with one key the highest version stays, then the last. */
export function transformItems(
  source: Source,
  stream: Stream,
  items: JsonValue[],
  { fetchedAt, parent }: { fetchedAt: Date; parent?: ParentRecord | undefined },
): PageRecords {
  const transform = createTransformer(source, stream, parent);
  const candidates: NumberedRecord[] = [];
  const refused: RefusedItem[] = [];
  let filtered = 0;
  let cursors: LargestCursors = { largest: null, before: null };
  let implausible = 0;
  const tally = createDriftTally();
  let frozen: string | null = null;
  const latestPlausible = new Date(fetchedAt.getTime() + plausibleAheadMs).toISOString();
  items.forEach((item, input) => {
    try {
      const made = transform(item, { fetchedAt, onDrift: tally.add });
      if (isImplausible(stream, made.cursor, latestPlausible)) implausible += 1;
      else if (stream.cursor !== undefined) cursors = withCursor(stream.cursor.kind, cursors, made.cursor);
      if (made.kind === "filtered") filtered += 1;
      else for (const record of made.records) candidates.push({ ...record, input });
    } catch (error) {
      if (error instanceof InvalidRecordError) refused.push({ input, error });
      else if (codeOf(error) === "SCHEMA_FROZEN") frozen ??= messageOf(error);
      else throw error;
    }
  });
  const records = newestByKey(candidates);
  const duplicate = records.length === candidates.length ? 0 : inputsOf(candidates) - inputsOf(records);
  return {
    records,
    refused,
    filtered,
    duplicate,
    boundCandidate: boundCandidateOf(stream, cursors),
    watermark: latest(records, latestPlausible),
    implausible,
    drift: tally.counts(),
    frozen,
  };
}

const inputsOf = (records: readonly NumberedRecord[]): number => new Set(records.map(({ input }) => input)).size;

/**
 * Where an API asked from a text, or from fields that end with one, leaves out the records that equal it, the bound stays one
 * value behind: more records of the largest may be on the next page.
 */
function boundCandidateOf({ cursor }: Stream, { largest, before }: LargestCursors): string | null {
  return cursor?.kinds.at(-1) === "string" && cursor.boundary === "exclusive" ? before : largest;
}

/** One such value as the bound would hide all that really comes before it. */
function isImplausible({ cursor }: Stream, value: string | null, latestPlausible: string): boolean {
  const time = cursor === undefined || value === null ? null : timeIn(cursor.kind, value);
  return time !== null && time > latestPlausible;
}

function newestByKey(candidates: NumberedRecord[]): NumberedRecord[] {
  const byKey = new Map<string, NumberedRecord>();
  for (const record of candidates) {
    const other = byKey.get(record.key);
    if (other === undefined || !isOlder(record.version, other.version)) byKey.set(record.key, record);
  }
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function isOlder(version: string | null, than: string | null): boolean {
  return than !== null && (version === null || version < than);
}

function latest(records: NumberedRecord[], latestPlausible: string): Date | null {
  let watermark: string | null = null;
  for (const { ts } of records) {
    if (ts !== null && ts <= latestPlausible && (watermark === null || ts > watermark)) watermark = ts;
  }
  return watermark === null ? null : new Date(watermark);
}
