import type { ParentValues } from "@penstock/core/partition";
import type { Source, Stream } from "./model.ts";
import type { PageRequest } from "./paginator.ts";
import { fillPath, fillText } from "./template.ts";

/**
 * The address of a page: base URL, the stream's path, its query and what the paginator adds to that. In a child stream path
 * and query are templates, filled with the parent's values.
 *
 * @throws PermanentError `PARENT_VALUE_INVALID` when a value of the parent cannot stand in a path
 */
export function pageUrl(source: Source, stream: Stream, request: PageRequest, parent: ParentValues | undefined): URL {
  const url = new URL(source.baseUrl);
  const path = parent === undefined ? stream.path : fillPath(stream.path, parent);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${path.replace(/^\//, "")}`;
  for (const [name, value] of Object.entries(source.query)) url.searchParams.set(name, value);
  for (const [name, values] of Object.entries(stream.query)) {
    url.searchParams.delete(name);
    for (const value of [values].flat())
      url.searchParams.append(name, parent === undefined ? value : fillText(value, parent));
  }
  for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
  return url;
}
