import type { Source } from "@penstock/source/model";
import { viewColumns } from "@penstock/source/view-columns";
import type { StreamView } from "@penstock/store/store";

/** The typed views of a source's streams, with the indexes they declare. */
export function streamViews(source: Source): StreamView[] {
  return Object.values(source.streams).map((stream) => ({
    source: source.name,
    stream: stream.name,
    name: `${source.name}_${stream.name}`,
    columns: viewColumns(stream),
    indexes: stream.indexes,
    indexesEventTime: stream.indexesEventTime,
  }));
}
