import { Readable } from "node:stream";
import { covers } from "@penstock/api-contract/route";
import type { FastifyRequest } from "fastify";
import { credentialsOf } from "../access/guard.ts";
import type { ApiContext } from "../api-context.ts";
import type { Handler, Handlers } from "../handler.ts";
import type { Told } from "../live/hub.ts";

const followEvents: Handler<"followEvents"> = async ({ api, request, reply }) => {
  const gone = new AbortController();
  request.raw.once("close", () => gone.abort());
  return reply
    .header("cache-control", "no-store")
    .header("x-accel-buffering", "no")
    .type("text/event-stream; charset=utf-8")
    .send(Readable.from(textsFor(api, request, gone.signal), { objectMode: false }));
};

/** Ends when who listens may not any more: a key that is revoked or has expired meanwhile ends what it began. */
async function* textsFor(api: ApiContext, request: FastifyRequest, signal: AbortSignal): AsyncGenerator<string> {
  yield "retry: 2000\n\n";
  for await (const told of api.hub.follow(signal)) {
    if (told.length > 0) yield textOf(told);
    else if (await mayStillListen(api, request)) yield ": still here\n\n";
    else return;
  }
}

async function mayStillListen({ callers }: ApiContext, request: FastifyRequest): Promise<boolean> {
  // When that cannot be found out, the listener comes again and is asked who it is.
  const caller = await callers.identify(credentialsOf(request)).catch(() => undefined);
  return caller !== undefined && covers(caller.scope, "read");
}

const texts = new WeakMap<Told, string>();

/** As https://html.spec.whatwg.org/multipage/server-sent-events.html has it. Written once for all that follow. */
function textOf(told: Told): string {
  const known = texts.get(told);
  if (known !== undefined) return known;
  const text = told.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  texts.set(told, text);
  return text;
}

export const eventHandlers = { followEvents } satisfies Partial<Handlers>;
