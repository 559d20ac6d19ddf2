/*
 * What has a checkpoint of its own beside the live partition. A child stream has a partition per record of its parent stream, named after that record's key.
 */

const parentPrefix = "parent:";

/** The partition of a child stream that belongs to the parent record of this key. */
export const parentPartition = (key: string): string => parentPrefix + key;

/** The key of the parent record that a partition belongs to; `undefined` for partitions of another kind. */
export function parentKeyOf(partition: string): string | undefined {
  return partition.startsWith(parentPrefix) ? partition.slice(parentPrefix.length) : undefined;
}

/** A window of a backfill: records from `from` on, up to and without `to`; ISO, UTC. */
export type BackfillWindow = { backfill: string; from: string; to: string };

/** The partition that a window of a backfill is fetched in. All that a run of it must know is in its name. */
export const windowPartition = ({ backfill, from, to }: BackfillWindow): string => `backfill:${backfill}:${from}/${to}`;

const windowName = /^backfill:([^:]+):([^/]+)\/([^/]+)$/;

/** The window that a partition is of; `undefined` for partitions of another kind. */
export function windowOf(partition: string): BackfillWindow | undefined {
  const [, backfill, from, to] = windowName.exec(partition) ?? [];
  return backfill === undefined || from === undefined || to === undefined ? undefined : { backfill, from, to };
}

/** What a child stream takes from its parent's record: fills its templates, and is there for its transform. */
export type ParentValues = { readonly [field: string]: ParentValue };
export type ParentValue = string | number | boolean;
