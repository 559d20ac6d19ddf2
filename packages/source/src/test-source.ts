import { compareCursors } from "@penstock/core/cursor";
import { InvalidRecordError } from "@penstock/core/errors";
import { contentHash } from "@penstock/core/hash";
import { isJsonObject, type JsonObject, type JsonValue } from "@penstock/core/json";
import { noAuth } from "./auth.ts";
import type { SourceDefinition } from "./define-source.ts";
import type { Environment } from "./environment.ts";
import { createPageFetcher, type PageFetcher } from "./fetch-page.ts";
import { recorded, replayed, startFixtureServer } from "./fixture-server.ts";
import type { Source, Stream } from "./model.ts";
import { createTransformer, type ParentRecord } from "./transform.ts";

export type TestSourceOptions = {
  /** Folder of the recorded requests and answers. */
  fixtures: string;
  /** The source's variables. Secrets may be made up, but for recording. */
  env?: Environment;
  /** `record` asks the real API and writes the fixtures; default `replay`. */
  mode?: "replay" | "record";
  /** Default: all. A child stream needs its parent. */
  streams?: string[];
  /** True when the fixtures hold records that must be refused: they are told, and do not fail the test. */
  allowsInvalid?: boolean;
};

export type TestedRecord = { key: string; ts: string | null; data: JsonObject };
export type TestedStream = {
  pages: number;
  /** As the API gave them. */
  items: JsonValue[];
  /** As they would be stored. */
  records: TestedRecord[];
  /** How many items the transform made nothing of, on purpose. */
  filtered: number;
  /** Items that do not fit: `item 3: RECORD_INVALID value: expected number, received text`. */
  invalid: string[];
};

const mostPages = 1_000;

/**
 * Reads every stream of a source through the real fetcher from recorded answers, over a server on loopback, and checks what
 * must hold of any source: paging ends, there are records, they fit the schema, have a cursor, and keys tell them apart.
 *
 * @returns what was read, by stream, for the checks that only the author can know
 * @throws Error with everything that does not hold
 * @throws what fetching a page throws; for a request that has no fixture that is `NOT_FOUND`
 */
export async function testSource(
  definition: SourceDefinition,
  options: TestSourceOptions,
): Promise<Record<string, TestedStream>> {
  const { fixtures, env = {}, mode = "replay" } = options;
  const configured = definition.configure(env);
  if (!configured.isConfigured) throw new Error(configured.problems.join("; "));
  const { origin, pathname } = new URL(configured.source.baseUrl);
  await using server = await startFixtureServer(
    mode === "record" ? recorded(fixtures, origin, env) : await replayed(fixtures, env),
  );
  const auth = mode === "record" ? configured.source.auth : noAuth;
  const source = { ...configured.source, auth, baseUrl: `${server.origin}${pathname}` };
  const fetcher = createPageFetcher(source);
  try {
    return await readStreams({ source, fetcher }, options);
  } finally {
    await fetcher.close();
  }
}

type Reading = { source: Source; fetcher: PageFetcher };

async function readStreams(reading: Reading, { streams, allowsInvalid = false }: TestSourceOptions) {
  const tested: Record<string, TestedStream> = {};
  const problems: string[] = [];
  for (const stream of parentsFirst(reading.source, streams)) {
    const one: TestedStream = { pages: 0, items: [], records: [], filtered: 0, invalid: [] };
    tested[stream.name] = one;
    const wrong: string[] = [];
    const contents = new Map<string, string>();
    for (const parent of partitionsOf(stream, tested))
      wrong.push(...(await readAll(reading, stream, parent, one, contents)));
    if (one.items.length === 0) wrong.push("no record was read");
    if (!allowsInvalid) wrong.push(...one.invalid);
    problems.push(...wrong.map((problem) => `${stream.name}: ${problem}`));
  }
  if (problems.length > 0) throw new Error(`${reading.source.name} does not hold:\n${problems.join("\n")}`);
  return tested;
}

function parentsFirst(source: Source, names = Object.keys(source.streams)): Stream[] {
  const ordered = new Set<Stream>();
  const add = (name: string) => {
    const stream = source.streams[name];
    if (stream === undefined) throw new Error(`source ${source.name} has no stream ${name}`);
    if (stream.parent !== undefined) add(stream.parent.stream);
    ordered.add(stream);
  };
  for (const name of names) add(name);
  return [...ordered];
}

function partitionsOf({ parent }: Stream, tested: Record<string, TestedStream>): (ParentRecord | undefined)[] {
  if (parent === undefined) return [undefined];
  return (tested[parent.stream]?.records ?? []).flatMap(({ key, data }) => {
    const values = parent.valuesOf(data);
    return values === undefined ? [] : [{ key, values }];
  });
}

async function readAll(
  { source, fetcher }: Reading,
  stream: Stream,
  parent: ParentRecord | undefined,
  into: TestedStream,
  contents: Map<string, string>,
): Promise<string[]> {
  const { signal } = new AbortController();
  const positions = new Set<string>();
  const problems: string[] = [];
  let position = stream.paginator.start(null);
  for (;;) {
    const page = await fetcher.fetch(stream, position, { signal, parent: parent?.values });
    into.pages += 1;
    positions.add(JSON.stringify(position));
    problems.push(...convert(source, stream, parent, page.items, into, contents), ...unordered(stream, page.cursors));
    if (page.next.kind === "end") return problems;
    if (page.next.kind === "incomplete") return [...problems, `paging ended with ${page.next.code}`];
    position = page.next.position;
    if (positions.has(JSON.stringify(position)))
      return [...problems, `page ${positions.size} leads back to an earlier one`];
    if (positions.size >= mostPages) return [...problems, `paging did not end within ${mostPages} pages`];
  }
}

/** Progress is kept by what the stream says about its order: a wrong `asc` loses records. */
function unordered({ cursor, order }: Stream, cursors: (string | null)[]): string[] {
  const known = cursors.filter((text) => text !== null);
  const wrong = known.find((text, i) => {
    const before = known[i - 1];
    if (cursor === undefined || before === undefined || order === "none") return false;
    const later = compareCursors(cursor.kind, text, before);
    return order === "asc" ? later < 0 : later > 0;
  });
  return wrong === undefined
    ? []
    : [`order is ${order}, but ${cursor?.field} ${wrong} comes after what it should precede`];
}

/** What stands for the same key twice must be the same record, read again. */
function convert(
  source: Source,
  stream: Stream,
  parent: ParentRecord | undefined,
  items: JsonValue[],
  into: TestedStream,
  contents: Map<string, string>,
): string[] {
  const transform = createTransformer(source, stream, parent);
  const problems: string[] = [];
  for (const item of items) {
    const index = into.items.push(item) - 1;
    const made = orRefused(() => transform(item, { fetchedAt: new Date() }));
    if (made instanceof InvalidRecordError) into.invalid.push(`item ${index}: ${describe(made)}`);
    else if (made.kind === "filtered") into.filtered += 1;
    else {
      const from = contentHash(JSON.stringify(item));
      for (const { key, ts, data } of made.records) {
        const known = contents.get(key);
        if (known === undefined) into.records.push({ key, ts, data: objectOf(data) });
        else if (known !== from) problems.push(`item ${index}: the key ${key} stands for another record already`);
        contents.set(key, from);
      }
    }
  }
  return problems;
}

function orRefused<T>(work: () => T): T | InvalidRecordError {
  try {
    return work();
  } catch (error) {
    if (error instanceof InvalidRecordError) return error;
    throw error;
  }
}

function describe({ code, message, details: { path, expected, received } }: InvalidRecordError): string {
  return path === undefined ? `${code} ${message}` : `${code} ${path}: expected ${expected}, received ${received}`;
}

function objectOf(json: string): JsonObject {
  const value: JsonValue = JSON.parse(json);
  return isJsonObject(value) ? value : {};
}
