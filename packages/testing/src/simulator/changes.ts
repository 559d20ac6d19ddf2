import type { Collection } from "./collection.ts";
import { randomAt } from "./seeded-random.ts";

export type Collections = Readonly<Record<string, Collection>>;

/** What happens to the collections before the request of this number is answered. */
export type Change = { beforeRequest: number; change: (streams: Collections) => void };

/** How likely, from 0 to 1, each is to happen to a stream before a page of it is given. The same seed, the same changes. */
export type Churn = { seed: number; insert?: number; update?: number; remove?: number };

export function applyChanges(changes: readonly Change[], number: number, streams: Collections): void {
  for (const { beforeRequest, change } of changes) if (beforeRequest === number) change(streams);
}

export function applyChurn({ seed, insert = 0, update = 0, remove = 0 }: Churn, n: number, stream: Collection): void {
  const isDrawn = (rate: number, what: string) => randomAt(seed, n, what) < rate;
  const anyKey = (what: string) => stream.entries()[Math.floor(randomAt(seed, n, `${what} key`) * stream.size())]?.key;
  if (isDrawn(insert, "insert")) stream.insert(1);
  const updated = isDrawn(update, "update") ? anyKey("update") : undefined;
  if (updated !== undefined) stream.update(updated);
  const removed = isDrawn(remove, "remove") ? anyKey("remove") : undefined;
  if (removed !== undefined) stream.remove(removed);
}
