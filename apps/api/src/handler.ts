import type { GivenBody, GivenParams, GivenQuery, RouteName, RouteResponse } from "@penstock/api-contract/routes";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Caller } from "./access/callers.ts";
import type { ApiContext } from "./api-context.ts";

export type Call<N extends RouteName> = {
  params: GivenParams<N>;
  query: GivenQuery<N>;
  body: GivenBody<N>;
  /** There in all routes but those that anybody may ask. */
  caller: Caller | undefined;
  api: ApiContext;
  request: FastifyRequest;
  reply: FastifyReply;
};

/** What answers a route: the response, or the reply that was sent already where it is no JSON. */
export type Handler<N extends RouteName> = (call: Call<N>) => Promise<RouteResponse<N> | FastifyReply>;
export type Handlers = { [N in RouteName]: Handler<N> };
