type Named = { source: string; stream: string };

/** What is known with what changed: each in its place, new ones at the end. */
export function mergeStreams<T extends Named>(known: readonly T[], changed: readonly T[]): T[] {
  const byName = new Map(changed.map((item) => [nameOf(item), item]));
  const merged = known.map((item) => byName.get(nameOf(item)) ?? item);
  const knownNames = new Set(known.map(nameOf));
  return [...merged, ...changed.filter((item) => !knownNames.has(nameOf(item)))];
}

function nameOf({ source, stream }: Named): string {
  return `${source}.${stream}`;
}
