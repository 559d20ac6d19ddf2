/** What is known with what changed: each in its place, new ones at the end. */
export function mergeItems<T>(known: readonly T[], changed: readonly T[], nameOf: (item: T) => string): T[] {
  const byName = new Map(changed.map((item) => [nameOf(item), item]));
  const merged = known.map((item) => byName.get(nameOf(item)) ?? item);
  const knownNames = new Set(known.map(nameOf));
  return [...merged, ...changed.filter((item) => !knownNames.has(nameOf(item)))];
}
