import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { LiveEvent } from "@penstock/api-contract/events";
import type { Handler, Handlers } from "../handler.ts";

/** A comment so often, lest something on the way takes the connection for dead. */
const heartbeatMs = 15_000;

const followEvents: Handler<"followEvents"> = async ({ api, request, reply }) => {
  const gone = new AbortController();
  request.raw.once("close", () => gone.abort());
  return reply
    .header("cache-control", "no-store")
    .header("x-accel-buffering", "no")
    .type("text/event-stream; charset=utf-8")
    .send(Readable.from(withHeartbeat(api.hub.follow(gone.signal), gone.signal), { objectMode: false }));
};

const texts = new WeakMap<LiveEvent, string>();

/** As https://html.spec.whatwg.org/multipage/server-sent-events.html has it. Written once for all that follow. */
function textOf(event: LiveEvent): string {
  const known = texts.get(event);
  if (known !== undefined) return known;
  const text = `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  texts.set(event, text);
  return text;
}

async function* withHeartbeat(events: AsyncGenerator<LiveEvent>, signal: AbortSignal): AsyncGenerator<string> {
  yield "retry: 2000\n\n";
  let next = events.next();
  while (!signal.aborted) {
    const timer = new AbortController();
    const beat = delay(heartbeatMs, "beat" as const, { signal: timer.signal }).catch(() => "beat" as const);
    const first = await Promise.race([next, beat]);
    timer.abort();
    if (first === "beat") {
      yield ": still here\n\n";
      continue;
    }
    if (first.done === true) return;
    yield textOf(first.value);
    next = events.next();
  }
}

export const eventHandlers = { followEvents } satisfies Partial<Handlers>;
