import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { ConfigError } from "@penstock/core/errors";
import type { Metrics } from "./metrics.ts";

export type Readiness = {
  isReady: boolean;
  /** What was looked at, and what it said: `{ database: "ok", queue: "does not answer" }`. */
  checks: Record<string, string>;
};

export type HealthOptions = {
  host: string;
  /** 0: any that is free. */
  port: number;
  metrics: Pick<Metrics, "read">;
  /** False when the process is past help and should be restarted. */
  isLive(): boolean;
  /** Whether it can do its work now. One that is draining cannot. */
  readiness(): Promise<Readiness>;
  /** More paths that answer with JSON: `{ "/status": async () => … }`. */
  routes?: Record<string, () => Promise<unknown>>;
};

export type HealthServer = AsyncDisposable & {
  /** `http://127.0.0.1:9464`, with the real port. */
  readonly url: string;
  close(): Promise<void>;
};

type Answer = { status: number; contentType: string; body: string };

/**
 * Serves `GET /health/live`, `/health/ready` (503 when not), `/metrics` and the routes given.
 *
 * @throws ConfigError `CONFIG_INVALID` when the address cannot be listened on
 */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    respond(options, request, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  });
  await listen(server, options);
  const close = async () => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { url: urlOf(server, options.host), close, [Symbol.asyncDispose]: close };
}

async function listen(server: Server, { host, port }: HealthOptions): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const isTaken = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
    const message = isTaken
      ? `port ${port} on ${host} is in use by another process`
      : `${host}, port ${port} cannot be listened on`;
    throw new ConfigError("CONFIG_INVALID", `PENSTOCK_HTTP_HOST/PENSTOCK_HTTP_PORT: ${message}`, {
      cause,
      remedy: "set PENSTOCK_HTTP_PORT to a port that is free, or to 0 for any",
    });
  }
}

async function respond(options: HealthOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, contentType, body } = await answer(options, request);
  response.writeHead(status, {
    "content-type": contentType,
    "cache-control": "no-store",
    ...(status === 405 ? { allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function answer(options: HealthOptions, { url = "/", method }: IncomingMessage): Promise<Answer> {
  const handler = handlers(options).get(url.replace(/\?.*$/s, ""));
  if (handler === undefined) return json(404, { error: "not found" });
  if (method !== "GET" && method !== "HEAD") return json(405, { error: "method not allowed" });
  try {
    return await handler();
  } catch (error) {
    return json(503, { error: error instanceof Error ? error.name : "unknown" });
  }
}

function handlers({
  isLive,
  readiness,
  metrics,
  routes = {},
}: HealthOptions): Map<string, () => Answer | Promise<Answer>> {
  const entries = Object.entries(routes).map(([path, read]) => [path, async () => json(200, await read())] as const);
  return new Map<string, () => Answer | Promise<Answer>>([
    ["/health/live", () => (isLive() ? json(200, { status: "live" }) : json(503, { status: "not live" }))],
    ["/health/ready", async () => readinessAnswer(await readiness())],
    ["/metrics", async () => metricsAnswer(await metrics.read())],
    ...entries,
  ]);
}

function readinessAnswer({ isReady, checks }: Readiness): Answer {
  return json(isReady ? 200 : 503, { status: isReady ? "ready" : "not ready", checks });
}

function metricsAnswer({ contentType, text }: { contentType: string; text: string }): Answer {
  return { status: 200, contentType, body: text };
}

function json(status: number, value: unknown): Answer {
  return { status, contentType: "application/json; charset=utf-8", body: `${JSON.stringify(value)}\n` };
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}
