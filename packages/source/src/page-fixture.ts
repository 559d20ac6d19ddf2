import type { IncomingMessage, ServerResponse } from "node:http";
import { PenstockError } from "@penstock/core/errors";
import type { JsonObject } from "@penstock/core/json";
import { type LoopbackServer, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { z } from "zod";
import { defineSource, defineStream, type SourceOptions, type StreamOptions } from "./define-source.ts";
import {
  createPageFetcher,
  type FetchedPage,
  type FetcherOptions,
  type FetchOptions,
  type PageFetcher,
} from "./fetch-page.ts";
import type { Stream } from "./model.ts";

const schema = z.object({ id: z.string() });

export type FixtureOptions = Partial<SourceOptions> & { stream?: Partial<StreamOptions<typeof schema>> };

/** Servers and fetchers of one test, closed with it. The source is `shop`, its stream `items`, at `/items` with records in `items`. */
export function createPageFixture() {
  const stack = new AsyncDisposableStack();

  async function serve(
    handle: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<LoopbackServer & { requests: IncomingMessage[] }> {
    const requests: IncomingMessage[] = [];
    const server = await startLoopbackServer((request, response) => {
      requests.push(request);
      handle(request, response);
    });
    return { ...stack.use(server), requests };
  }

  function open(
    baseUrl: string,
    { stream, ...options }: FixtureOptions = {},
    fetcherOptions: FetcherOptions = {},
  ): { fetcher: PageFetcher; stream: Stream } {
    const items = defineStream({ path: "/items", records: "items", schema, key: "id", ...stream });
    const configured = defineSource({ name: "shop", baseUrl, ...options, streams: { items } }).configure({});
    if (!configured.isConfigured) throw new Error("not configured");
    const fetcher = stack.adopt(createPageFetcher(configured.source, fetcherOptions), (opened) => opened.close());
    return { fetcher, stream: { ...items, name: "items" } };
  }

  return {
    serve,
    open,
    /** The page at a position, the first one if none is given. */
    fetchFrom: (
      baseUrl: string,
      options: FixtureOptions = {},
      fetchOptions: Partial<FetchOptions> & { position?: JsonObject } = {},
    ): Promise<FetchedPage> => {
      const { fetcher, stream } = open(baseUrl, options);
      const { position = stream.paginator.start(null), ...rest } = fetchOptions;
      return fetcher.fetch(stream, position, { signal: new AbortController().signal, ...rest });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The error that the work ends with. */
export async function failure(work: Promise<unknown>): Promise<PenstockError> {
  const error = await work.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  if (error instanceof PenstockError) return error;
  throw error;
}
