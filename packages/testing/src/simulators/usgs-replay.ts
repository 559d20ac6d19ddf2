import type { IncomingMessage, ServerResponse } from "node:http";
import { breakEvents } from "./broken-events.ts";
import { type LoopbackServer, sendJson, startLoopbackServer } from "./loopback-server.ts";
import { readEvents, type UsgsFeature } from "./usgs-events.ts";
import { parseQuery, type UsgsQuery } from "./usgs-query.ts";

export type UsgsReplayOptions = {
  /** `demo`: the second request meets a 429 with `Retry-After: 1`, the fourth a 503, and five records are broken on purpose. */
  faults?: "none" | "demo";
  port?: number;
  host?: string;
};

export type UsgsReplay = LoopbackServer & {
  /** Records there are to fetch, the broken ones among them. */
  readonly total: number;
  /** Queries as they came, of the requests that were not refused. */
  readonly queries: readonly UsgsQuery[];
  faultsSent(): { throttled: number; serverErrors: number };
};

/** What is served, with what it is sorted and filtered by: broken records stand beside the event they were made from. */
type Entry = { feature: unknown; time: number; updated: number; magnitude: number | null };

/**
 * Serves the events of the extract as the USGS' event API does, at `/query`: `format=geojson`, `orderby=time-asc`,
 * `limit`, `offset` from 1 on, `starttime`, `updatedafter`, `minmagnitude`; anything else is refused as there, with 400.
 * https://earthquake.usgs.gov/fdsnws/event/1/
 */
export async function startUsgsReplay(options: UsgsReplayOptions = {}): Promise<UsgsReplay> {
  const isDemo = options.faults === "demo";
  const entries = toEntries(await readEvents(), isDemo);
  const queries: UsgsQuery[] = [];
  const sent = { throttled: 0, serverErrors: 0 };
  let requests = 0;

  function handle(request: IncomingMessage, response: ServerResponse): void {
    requests += 1;
    if (isDemo && requests === 2) {
      sent.throttled += 1;
      sendText(response, 429, "Too Many Requests", { "retry-after": "1" });
    } else if (isDemo && requests === 4) {
      sent.serverErrors += 1;
      sendText(response, 503, "Service Unavailable");
    } else {
      answer(new URL(request.url ?? "/", "http://loopback"), response);
    }
  }

  function answer(url: URL, response: ServerResponse): void {
    const query = parseQuery(url.searchParams);
    if (url.pathname !== "/query") {
      sendText(response, 404, "Not Found");
    } else if ("problem" in query) {
      sendText(response, 400, badRequest(query.problem, url));
    } else {
      queries.push(query);
      sendJson(response, 200, collectionJson(entries, query));
    }
  }

  const server = await startLoopbackServer(handle, options);
  return { ...server, total: entries.length, queries, faultsSent: () => ({ ...sent }) };
}

function toEntries(events: UsgsFeature[], hasBroken: boolean): Entry[] {
  const sorted = events.toSorted((a, b) => a.properties.time - b.properties.time);
  const broken = hasBroken ? breakEvents(sorted) : [];
  return sorted.flatMap((event) => {
    const { time, updated, mag } = event.properties;
    const beside = broken.filter(({ behind }) => behind === event);
    return [event, ...beside.map(({ feature }) => feature)].map((feature) => ({
      feature,
      time,
      updated,
      magnitude: mag,
    }));
  });
}

function collectionJson(entries: Entry[], query: UsgsQuery): string {
  const matching = entries.filter(
    ({ time, updated, magnitude }) =>
      time >= query.startTime &&
      updated > query.updatedAfter &&
      (query.minMagnitude === undefined || (magnitude ?? -Infinity) >= query.minMagnitude),
  );
  const features = matching.slice(query.offset - 1, query.offset - 1 + query.limit).map(({ feature }) => feature);
  const metadata = {
    generated: Date.now(),
    title: "USGS Earthquakes",
    status: 200,
    api: "replay",
    limit: query.limit,
    offset: query.offset,
    count: features.length,
  };
  return JSON.stringify({ type: "FeatureCollection", metadata, features });
}

function sendText(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "text/plain", ...headers });
  response.end(text);
}

function badRequest(problem: string, url: URL): string {
  return [
    "Error 400: Bad Request",
    problem,
    "Usage details are available from https://earthquake.usgs.gov/fdsnws/event/1",
    `Request:\n${url.pathname}${url.search}`,
    `Request Submitted:\n${new Date().toISOString()}`,
  ].join("\n\n");
}
