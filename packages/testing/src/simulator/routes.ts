import { type Collection, type CollectionOptions, createCollection, type Listing } from "./collection.ts";
import type { Paging } from "./paging.ts";

export type SimulatedStream = CollectionOptions & {
  /**
   * Default `/<name>`. A part `:field` makes it the path of children: `/orders/:order_id/items` gives the records whose
   * `order_id` is what stands there.
   */
  path?: string;
  paging?: Paging;
  /** Where in the body the records stand, `data.items`; `""` when the body is the array. Default `items`. */
  recordsAt?: string;
};

export type Route = {
  name: string;
  options: SimulatedStream;
  collection: Collection;
  /** What is at this path, `undefined` when it is another's. */
  match(path: string): Listing | undefined;
};

export function createRoute(name: string, options: SimulatedStream): Route {
  const collection = createCollection(options);
  const pattern = (options.path ?? `/${name}`).split("/");
  return { name, options, collection, match: (path) => match(collection, pattern, path.split("/")) };
}

function match(collection: Collection, pattern: readonly string[], parts: readonly string[]): Listing | undefined {
  if (pattern.length !== parts.length) return undefined;
  let listing: Listing = collection;
  for (const [i, expected] of pattern.entries()) {
    const part = decodeURIComponent(parts[i] ?? "");
    if (expected.startsWith(":")) listing = collection.where(expected.slice(1), part);
    else if (expected !== part) return undefined;
  }
  return listing;
}
