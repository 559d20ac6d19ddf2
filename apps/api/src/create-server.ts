import cookie from "@fastify/cookie";
import etag from "@fastify/etag";
import rateLimit from "@fastify/rate-limit";
import type { BullQueue } from "@penstock/queues/backend";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { guard, identify } from "./access/guard.ts";
import type { ApiContext } from "./api-context.ts";
import { serveBoard } from "./board/serve-board.ts";
import { handlers } from "./handlers/handlers.ts";
import { describeApi } from "./openapi.ts";
import { answerProblem } from "./problems.ts";
import { registerRoutes } from "./register-routes.ts";
import { setSecurityHeaders } from "./security-headers.ts";
import { servePages } from "./serve-pages.ts";

export type ServerOptions = {
  queues: readonly BullQueue[];
  /** Folder of the built dashboard. */
  dashboard?: string | undefined;
};

const largestBodyBytes = 256 * 1024;

/** The HTTP API with everything around it, not listening yet. */
export async function createServer(api: ApiContext, options: ServerOptions): Promise<FastifyInstance> {
  const { maxPerMinute, trustsProxy } = api.config.api;
  const server = Fastify({
    logger: false,
    bodyLimit: largestBodyBytes,
    trustProxy: trustsProxy,
    // Followers of events would keep it from closing.
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 1_024 },
    // What is refused before it finds a route.
    frameworkErrors: (error, request, reply) => void answerProblem(api.pipeline.logger, error, request, reply),
  });
  const { logger, store } = api.pipeline;
  server.setErrorHandler((error, request, reply) => answerProblem(logger, error, request, reply));
  setSecurityHeaders(server, { isTls: trustsProxy });
  await server.register(cookie);
  identify(server, api.callers);
  await server.register(rateLimit, {
    global: false,
    max: maxPerMinute,
    timeWindow: "1 minute",
    keyGenerator: ({ caller, ip }) => (caller === undefined ? ip : `caller ${caller.name}`),
  });
  // Also of what is refused, and of addresses that do not exist: before the guard, for all alike.
  server.addHook("onRequest", server.rateLimit());
  guard(server);
  server.addHook("onSend", keepWhatIsNoCopy);
  await server.register(etag, { weak: true });
  server.addHook("onSend", async (_request, reply) => {
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-cache, private");
  });
  registerRoutes(server, api, handlers);
  await serveBoard(server, options.queues, { store, logger });
  await servePages(server, {
    description: describeApi(api.version),
    dashboard: options.dashboard,
    logger,
  });
  return server;
}

/** "As you have it" stands for a 200 to a question, never for a refusal or for something done: RFC 9110, section 13.1.2. */
async function keepWhatIsNoCopy({ method, headers }: FastifyRequest, { statusCode }: FastifyReply): Promise<void> {
  if (statusCode !== 200 || !["GET", "HEAD"].includes(method)) delete headers["if-none-match"];
}
