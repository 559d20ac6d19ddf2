import type { IncomingMessage, ServerResponse } from "node:http";
import { defineSource, defineStream, type SourceOptions, type StreamOptions } from "@penstock/source/define-source";
import { createPageFetcher } from "@penstock/source/fetch-page";
import type { Source } from "@penstock/source/model";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { z } from "zod";

/** What an API of a test answers; a body of its own only where it says 200. */
export type ScriptedAnswer = { status: number; headers?: Record<string, string>; body?: string };

/** An API whose answers a test decides one by one, and a source of streams `s0`, `s1`, … on it, of one page each unless said otherwise. */
export type ScriptedSource = {
  source: Source;
  fetcher: ReturnType<typeof createPageFetcher>;
  /** When each request came, by `Date.now()`. */
  requests: number[];
  close(): Promise<void>;
};

const record = z.object({ id: z.int() });

export type ScriptedOptions = {
  streams: number;
  /** Asked with the number of the request, 1 for the first, and its query. */
  answer: (request: number, query: URLSearchParams) => ScriptedAnswer | Promise<ScriptedAnswer>;
  source?: Partial<SourceOptions>;
  stream?: Partial<StreamOptions<typeof record>>;
};

export async function startScriptedSource({ streams, answer, ...options }: ScriptedOptions): Promise<ScriptedSource> {
  const requests: number[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const { searchParams } = new URL(request.url ?? "/", "http://loopback");
    const { status, headers, body = '[{"id":1}]' } = await answer(requests.push(Date.now()), searchParams);
    sendJson(response, status, status === 200 ? body : '{"error":"no"}', headers);
  };
  const server = await startLoopbackServer((request, response) => void handle(request, response));
  const names = Array.from({ length: streams }, (_, i) => `s${i}`);
  const stream = defineStream({ path: "/items", schema: record, key: "id", ...options.stream });
  const configured = defineSource({
    name: "scripted",
    baseUrl: server.url,
    concurrency: streams,
    rateLimit: { max: 1_000, perMs: 1_000 },
    streams: Object.fromEntries(names.map((name) => [name, stream])),
    ...options.source,
  }).configure({});
  if (!configured.isConfigured) throw new Error("the source takes no variables");
  const fetcher = createPageFetcher(configured.source);
  const close = async () => {
    await fetcher.close();
    await server.close();
  };
  return { source: configured.source, fetcher, requests, close };
}
