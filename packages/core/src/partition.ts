/*
 * A child stream has a partition per record of its parent stream, named after that record's key.
 */

const parentPrefix = "parent:";

/** The partition of a child stream that belongs to the parent record of this key. */
export const parentPartition = (key: string): string => parentPrefix + key;

/** The key of the parent record that a partition belongs to; `undefined` for partitions of another kind. */
export function parentKeyOf(partition: string): string | undefined {
  return partition.startsWith(parentPrefix) ? partition.slice(parentPrefix.length) : undefined;
}

/** What a child stream takes from its parent's record: fills its templates, and is there for its transform. */
export type ParentValues = { readonly [field: string]: ParentValue };
export type ParentValue = string | number | boolean;
