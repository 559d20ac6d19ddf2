import type { NewLetter } from "@penstock/core/letter";
import type { ParentValues } from "@penstock/core/partition";
import { batchOf, type RecordBatch } from "@penstock/core/record";
import type { RowFormat } from "@penstock/core/row-format";
import type { Source } from "@penstock/source/model";
import { parentRecord } from "./children.ts";
import { definitionOf } from "./context.ts";
import { type LetterOrigin, recordLetter } from "./letters.ts";
import { itemsOf } from "./page-items.ts";
import { unpackItems } from "./page-payload.ts";
import { type PageRecords, transformItems } from "./page-records.ts";

/** A page as it came through the queue: its items as zstd-compressed JSON; in a child stream with its parent's values. */
export type PackedPage = LetterOrigin & {
  zstd: Uint8Array;
  parent?: ParentValues | undefined;
  /** That its records are to be in. */
  format: RowFormat;
};

/** What a page became, ready to be committed. */
export type TransformedPage = Pick<
  PageRecords,
  "filtered" | "duplicate" | "boundCandidate" | "watermark" | "implausible" | "drift" | "frozen"
> & { records: RecordBatch; letters: NewLetter[] };

/**
 * Validates and transforms pages, in this thread or in others.
 *
 * @throws PermanentError `PAYLOAD_UNREADABLE` when the page cannot be decompressed, `SOURCE_UNKNOWN`
 * @throws TransientError `TRANSFORM_STOPPED` when the thread it was in ended or took too long
 */
export type PageTransformer = { transform(page: PackedPage): Promise<TransformedPage> };

/** Transforms in the calling thread. */
export function createPageTransformer(sources: ReadonlyMap<string, Source>): PageTransformer {
  return { transform: async (page) => transformPacked(sources, page) };
}

function transformPacked(
  sources: ReadonlyMap<string, Source>,
  { zstd, parent, format, ...origin }: PackedPage,
): TransformedPage {
  const { source, stream } = definitionOf({ sources }, origin);
  const items = itemsOf(unpackItems(origin, zstd));
  const { records, refused, ...figures } = transformItems(source, stream, items, {
    fetchedAt: origin.observedAt,
    parent: parentRecord(origin.partition, parent),
  });
  const letters = refused.map((each) => recordLetter(stream, origin, items, each));
  return { ...figures, records: batchOf(records, format), letters };
}
