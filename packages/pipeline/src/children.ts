import { PermanentError } from "@penstock/core/errors";
import { type ParentValues, parentKeyOf } from "@penstock/core/partition";
import type { Source, Stream } from "@penstock/source/model";
import type { ParentRecord } from "@penstock/source/transform";
import type { ChildStream } from "@penstock/store/store";
import { definitionOf, type PipelineContext } from "./context.ts";

/**
 * What a run of this partition takes from the parent's record as it is stored now; `undefined` in a stream without parent.
 *
 * @throws PermanentError `PARENT_VALUE_INVALID` when there is no such record, or it lacks what the stream needs
 */
export async function readParent(
  context: PipelineContext,
  { source, stream, partition }: { source: string; stream: string; partition: string },
): Promise<ParentValues | undefined> {
  const { parent } = definitionOf(context, { source, stream }).stream;
  if (parent === undefined) return undefined;
  const key = parentKeyOf(partition);
  const record = key === undefined ? undefined : await context.store.readRecord(source, parent.stream, key);
  const values = record === undefined ? undefined : parent.valuesOf(record);
  if (values !== undefined) return values;
  const message = `${source}.${stream}: partition ${partition} has no record of ${parent.stream} with ${parent.fields.join(", ")} to be run for`;
  throw new PermanentError("PARENT_VALUE_INVALID", message, { source, stream });
}

/** The parent's record as a transform of this partition needs it. */
export function parentRecord(partition: string, values: ParentValues | undefined): ParentRecord | undefined {
  const key = parentKeyOf(partition);
  return key === undefined || values === undefined ? undefined : { key, values };
}

/** The child streams of a stream. */
export function childrenOf(source: Source | undefined, stream: string): ChildStream[] {
  return Object.values(source?.streams ?? {}).flatMap(({ name, parent }) =>
    parent?.stream === stream ? [{ stream: name, refresh: parent.refresh }] : [],
  );
}

/** Streams in an order in which each comes behind its parent. */
export function parentsFirst(streams: Stream[], source: Source): Stream[] {
  const depth = ({ parent }: Stream): number => {
    const above = parent && source.streams[parent.stream];
    return above === undefined ? 0 : 1 + depth(above);
  };
  return streams.toSorted((a, b) => depth(a) - depth(b));
}
