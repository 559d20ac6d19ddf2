import type { JsonValue } from "@penstock/core/json";
import type { SourceDefinition } from "./define-source.ts";
import type { Environment } from "./environment.ts";
import { createPageFetcher } from "./fetch-page.ts";
import type { Source, Stream } from "./model.ts";

/** Everything a source file's test needs: the source as configured, one of its streams, and a way to read that whole. */
export type StreamReader = {
  source: Source;
  stream: Stream;
  /** Every item of every page, and the bound-to-end outcome of the last: `end`, or the code of an incomplete run. */
  read(bound: string | null): Promise<{ items: JsonValue[]; pages: number; end: string }>;
};

/**
 * A stream of a definition, to read without queue and database: one page after the other, errors thrown.
 *
 * @throws Error when the environment leaves the source unconfigured, or it has no such stream
 */
export function streamReader(definition: SourceDefinition, name: string, env: Environment): StreamReader {
  const configured = definition.configure(env);
  if (!configured.isConfigured) throw new Error(configured.problems.join("; "));
  const { source } = configured;
  const stream = source.streams[name];
  if (stream === undefined) throw new Error(`source ${source.name} has no stream ${name}`);
  return { source, stream, read: (bound) => readStream(source, stream, bound) };
}

async function readStream(source: Source, stream: Stream, bound: string | null) {
  const fetcher = createPageFetcher(source);
  const { signal } = new AbortController();
  const items: JsonValue[] = [];
  try {
    let position = stream.paginator.start(bound);
    for (let pages = 1; ; pages += 1) {
      const page = await fetcher.fetch(stream, position, { signal });
      for (const item of page.items) items.push(item);
      if (page.next.kind !== "next") return { items, pages, end: page.next.kind === "end" ? "end" : page.next.code };
      position = page.next.position;
    }
  } finally {
    await fetcher.close();
  }
}
