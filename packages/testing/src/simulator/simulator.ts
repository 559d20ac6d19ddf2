import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { type LoopbackServer, startLoopbackServer } from "../simulators/loopback-server.ts";
import type { Encoding } from "./answer.ts";
import { createAuthGuard, type SimulatedAuth } from "./auth.ts";
import type { Change, Churn, Collections } from "./changes.ts";
import { createFaultPlan, type FaultRule, type RandomFaults } from "./faults.ts";
import type { JsonObject } from "./json.ts";
import { createTokenBucket, type SimulatedLimit } from "./limits.ts";
import type { Oauth2Server } from "./oauth2.ts";
import { createRecorder, type RecordedRequest } from "./recording.ts";
import { createResponder, type Responder } from "./respond.ts";
import { createRoute, type SimulatedStream } from "./routes.ts";
import { send } from "./wire.ts";

export type SimulatorOptions = {
  streams: Record<string, SimulatedStream>;
  auth?: SimulatedAuth;
  limit?: SimulatedLimit;
  /** Scripted; the first that applies to a request happens to it. */
  faults?: readonly FaultRule[];
  /** To pages that no script has a fault for. */
  randomFaults?: RandomFaults;
  changes?: readonly Change[];
  churn?: Churn;
  latencyMs?: number;
  /** Of bodies, for clients that take it. */
  encoding?: Encoding;
  /** Answers carry an `ETag`, and 304 is given for `If-None-Match`. */
  hasEtags?: boolean;
  /** Milliseconds since 1970; default the system's clock. */
  now?: () => number;
  /** Default: any free one. */
  port?: number;
};

export type Simulator = LoopbackServer & {
  readonly streams: Collections;
  /** Every request that came, in the order of arrival. */
  readonly requests: readonly RecordedRequest[];
  readonly oauth2: Oauth2Server | undefined;
  /** `POST` here for tokens of OAuth 2. */
  readonly tokenUrl: string;
  /** The table that a correct pipeline ends with: a stream's records as they are now, by key. */
  reference(stream: string): JsonObject[];
};

/**
 * Starts an HTTP API on 127.0.0.1 that pages, refuses and fails as it is told to, and records every request.
 *
 * @throws Error when records have no time, or the port is taken
 */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { now = Date.now, limit } = options;
  const routes = Object.entries(options.streams).map(([name, stream]) => createRoute(name, stream));
  const streams: Collections = Object.fromEntries(routes.map(({ name, collection }) => [name, collection]));
  const recorder = createRecorder();
  const guard = createAuthGuard(options.auth ?? { kind: "none" }, now);
  const respond = createResponder({
    options,
    routes,
    streams,
    guard,
    plan: createFaultPlan(options.faults ?? [], options.randomFaults),
    takeToken: limit === undefined ? undefined : createTokenBucket(limit, now),
  });

  const server = await startLoopbackServer(
    (request, response) => {
      const headers = plainHeaders(request);
      const { method = "GET", url = "/" } = request;
      const recorded = recorder.begin({ method, url, headers }, new Date(now()));
      void serve(request, response, recorded, respond, options.latencyMs);
    },
    options.port === undefined ? {} : { port: options.port },
  );

  return {
    ...server,
    streams,
    requests: recorder.requests,
    oauth2: guard.oauth2,
    tokenUrl: `${server.url}/oauth/token`,
    reference: (stream) => {
      const collection = streams[stream];
      if (collection === undefined) throw new Error(`the simulator has no stream ${stream}`);
      return collection.reference();
    },
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  recorded: RecordedRequest,
  respond: Responder,
  latencyMs: number | undefined,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => {
    recorded.outcome = response.writableFinished ? "finished" : "closed";
    gone.abort();
  });
  try {
    recorded.body = await text(request);
    if (latencyMs !== undefined) await delay(latencyMs, undefined, { signal: gone.signal });
    const { answer, fault } = respond(recorded, request.headers.host ?? "");
    recorded.fault = fault?.kind;
    recorded.status = fault?.kind === "hang" || fault?.kind === "reset" ? 0 : answer.status;
    await send(response, answer, fault, gone.signal);
  } catch (error) {
    // A client that went away ends the waiting; anything else is a fault of the simulator, and shown to the client.
    if (!gone.signal.aborted) response.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function plainHeaders(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(", ")]));
}
