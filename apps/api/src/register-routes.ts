import type { Route } from "@penstock/api-contract/route";
import { type RouteName, routes } from "@penstock/api-contract/routes";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiContext } from "./api-context.ts";
import type { Call, Handlers } from "./handler.ts";

/** Registers every route of the table, with what it needs of its caller. */
export function registerRoutes(server: FastifyInstance, api: ApiContext, handlers: Handlers): void {
  for (const name of Object.keys(handlers) as RouteName[]) registerRoute(server, api, handlers, name);
}

function registerRoute<N extends RouteName>(
  server: FastifyInstance,
  api: ApiContext,
  handlers: Handlers,
  name: N,
): void {
  const route: Route = routes[name];
  server.route({
    method: route.method,
    url: route.path.replaceAll(/\{(\w+)\}/g, ":$1"),
    config: { scope: route.scope },
    // In a span, part of the caller's trace where it sends one: https://www.w3.org/TR/trace-context/
    handler: (request, reply) => {
      const start = { name: `${route.method} ${route.path}`, kind: "server", parent: traceparentOf(request) } as const;
      const attributes = { "http.request.method": route.method, "http.route": route.path };
      return api.pipeline.traces.inSpan({ ...start, attributes }, async () =>
        handlers[name](readCall<N>(route, api, request, reply)),
      );
    },
  });
}

function traceparentOf({ headers }: FastifyRequest): string {
  const { traceparent } = headers;
  return typeof traceparent === "string" ? traceparent : "root";
}

/** @throws ZodError when the request does not fit the route's schemas */
function readCall<N extends RouteName>(
  route: Route,
  api: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Call<N> {
  // The schemas are those that the types of a call are made from.
  return {
    params: route.params?.parse(request.params),
    query: route.query?.parse(request.query),
    body: route.body?.parse(request.body ?? {}),
    caller: request.caller,
    api,
    request,
    reply,
  } as Call<N>;
}
