import type { LiveEvent } from "@penstock/api-contract/events";
import type { RouteResponse } from "@penstock/api-contract/routes";
import type { QueryClient } from "@tanstack/react-query";
import type { Operation } from "./addresses.ts";
import { setLiveState } from "./live-state.ts";
import { mergeItems } from "./merge-items.ts";

/** What has to be asked for again when an event of a type came; what the event itself tells is not asked for. */
const outdatedBy: Record<LiveEvent["type"], readonly Operation[]> = {
  streams: ["getStream", "listCheckpoints", "getThroughput", "listSources"],
  runs: ["listRuns", "getRun", "listPages", "listBackfills", "listDeletions"],
  queues: [],
  letters: ["groupLetters", "listLetters", "getLetter"],
};

/** Lets the events of the API keep what is shown up to date, until the function it returns is called. */
export function followEvents(client: QueryClient): () => void {
  const events = new EventSource("/v1/events");
  events.addEventListener("open", () => setLiveState("live"));
  // The browser tries again by itself, unless it was refused; meanwhile the page asks.
  events.addEventListener("error", () => setLiveState("polling"));
  for (const type of ["streams", "runs", "queues", "letters"] as const) {
    events.addEventListener(type, ({ data }: MessageEvent<string>) => apply(client, JSON.parse(data)));
  }
  return () => {
    events.close();
    setLiveState("connecting");
  };
}

function apply(client: QueryClient, event: LiveEvent): void {
  if (event.type === "streams") {
    client.setQueryData<RouteResponse<"listStreams">>(["listStreams", {}], (known) =>
      known === undefined
        ? undefined
        : { items: mergeItems(known.items, event.streams, ({ source, stream }) => `${source}.${stream}`) },
    );
  }
  if (event.type === "queues") {
    client.setQueryData<RouteResponse<"listQueues">>(["listQueues", {}], (known) =>
      known === undefined ? undefined : { items: mergeItems(known.items, event.queues, ({ name }) => name) },
    );
  }
  for (const operation of outdatedBy[event.type]) void client.invalidateQueries({ queryKey: [operation] });
}
