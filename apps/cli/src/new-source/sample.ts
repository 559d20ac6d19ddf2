import { ConfigError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import { defineSource, defineStream } from "@penstock/source/define-source";
import { createPageFetcher } from "@penstock/source/fetch-page";
import type { Query } from "@penstock/source/model";
import { z } from "zod";
import { authOf, type Credentials } from "./credentials.ts";

/** What an API answered. Header names are in lower case. */
export type Sample = { body: JsonValue; headers: Record<string, string> };

/**
 * Fetches `url` as a source would.
 *
 * @throws what fetching a page throws
 */
export async function fetchSample(
  name: string,
  url: URL,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<Sample> {
  const seen: { sample?: Sample } = {};
  const stream = defineStream({
    path: url.pathname,
    query: openQuery(url, credentials),
    records: (body) => [body],
    schema: z.object({}),
    output: z.object({ id: z.string() }),
    transform: () => null,
    key: "id",
    paginator: {
      kind: "sample",
      start: () => ({}),
      request: () => ({}),
      next: (_position, { items, headers }) => {
        seen.sample = { body: items[0] ?? null, headers };
        return { kind: "end" };
      },
    },
  });
  const configured = defineSource({
    name,
    baseUrl: url.origin,
    auth: authOf(credentials),
    headers: credentials.headers,
    streams: { sample: stream },
  }).configure({});
  if (!configured.isConfigured) throw new ConfigError("SOURCE_INVALID", configured.problems.join("; "));
  const fetcher = createPageFetcher(configured.source);
  try {
    await fetcher.fetch({ ...stream, name: "sample" }, {}, { signal });
  } finally {
    await fetcher.close();
  }
  return seen.sample ?? { body: null, headers: {} };
}

/** The address's parameters, without those that auth sends. */
export function openQuery(url: URL, { secrets }: Credentials): Query {
  const sent = new Set(secrets.flatMap(({ place }) => (place.kind === "query" ? [place.name] : [])));
  const names = new Set([...url.searchParams.keys()].filter((name) => !sent.has(name)));
  return Object.fromEntries([...names].map((name) => [name, oneOrAll(url.searchParams.getAll(name))]));
}

function oneOrAll(values: string[]): string | string[] {
  const [only = ""] = values;
  return values.length > 1 ? values : only;
}
