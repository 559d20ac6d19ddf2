import type { Stream } from "./model.ts";

/** Streams by their names. Names come from whoever asks, and `constructor`, which every other object has, is none of them. */
export function streamTable(streams: readonly Stream[]): Record<string, Stream> {
  const table: Record<string, Stream> = Object.create(null);
  for (const stream of streams) table[stream.name] = stream;
  return table;
}
