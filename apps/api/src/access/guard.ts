import { covers, type Scope } from "@penstock/api-contract/route";
import { ConfigError } from "@penstock/core/errors";
import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import type { Caller, Callers, Credentials } from "./callers.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Of a route: what its caller must be allowed to do. */
    scope?: Scope;
  }
  interface FastifyRequest {
    caller: Caller | undefined;
  }
}

export const sessionCookie = "penstock_session";

const safeMethods = ["GET", "HEAD", "OPTIONS"];
const ownNames = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;

/** Finds out who asks, before anything of the request is read. */
export function identify(server: FastifyInstance, callers: Callers): void {
  server.decorateRequest("caller", undefined);
  server.addHook("onRequest", async (request) => {
    refuseForeignPages(request);
    const caller = await callers.identify(credentialsOf(request));
    if (caller?.kind === "open") refuseForeignNames(request);
    request.caller = caller;
  });
}

/** Lets through what may pass: every route says what it needs, and one that does not say is refused to everybody. */
export function guard(server: FastifyInstance): void {
  refuseUnruled(server);
  server.addHook("onRequest", async ({ caller, is404, routeOptions }) => {
    const needed = routeOptions.config.scope ?? "admin";
    if (is404 || needed === "none") return;
    if (caller === undefined) throw unknownCaller();
    if (!covers(caller.scope, needed)) throw forbidden(caller, needed);
  });
}

/** What a request shows of who sends it, and whether it only reads. */
export function credentialsOf({ method, headers, cookies }: FastifyRequest): Credentials {
  const { authorization } = headers;
  return { authorization, sessionToken: cookies[sessionCookie], isReading: safeMethods.includes(method) };
}

/** A server with a route that does not say who may ask does not start. */
function refuseUnruled(server: FastifyInstance): void {
  const added: RouteOptions[] = [];
  server.addHook("onRoute", (route) => void added.push(route));
  server.addHook("onReady", async () => {
    const unruled = added.filter(({ config }) => config?.scope === undefined).map(({ url }) => url);
    if (unruled.length > 0) throw new Error(`these routes do not say who may ask: ${unruled.join(", ")}`);
  });
}

/** For what registers routes itself: all of them need this scope. */
export function rule(server: FastifyInstance, scope: Scope): void {
  server.addHook("onRoute", (route) => {
    route.config = { ...route.config, scope };
  });
}

/**
 * Pages of other sites must not act with a browser's cookie, or on an API that is open to this machine. A browser says where a
 * request comes from; who shows a key in a header is no page of another site.
 */
function refuseForeignPages({ method, headers }: FastifyRequest): void {
  if (safeMethods.includes(method) || headers.authorization !== undefined) return;
  const site = headers["sec-fetch-site"];
  const isOwn = site === undefined ? isOwnOrigin(headers) : site === "same-origin" || site === "none";
  if (isOwn) return;
  throw new ConfigError("SITE_REFUSED", "requests that change something are not taken from pages of other sites");
}

/** Older browsers say the origin only; what is no browser says nothing. */
function isOwnOrigin({ origin, host }: FastifyRequest["headers"]): boolean {
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** A page may have its own name lead to this machine, and then ask as its own site: such a name is not ours. */
function refuseForeignNames({ headers }: FastifyRequest): void {
  if (headers.host !== undefined && ownNames.test(headers.host)) return;
  throw new ConfigError("SITE_REFUSED", "without a key the API answers under the names of this machine only", {
    expected: "localhost or 127.0.0.1",
    remedy: "create a key with `penstock keys create`, or use http://127.0.0.1",
  });
}

function unknownCaller(): ConfigError {
  return new ConfigError("CALLER_UNKNOWN", "this needs a key, or a session that is not over");
}

function forbidden({ name, scope }: Caller, needed: Scope): ConfigError {
  return new ConfigError("CALLER_FORBIDDEN", `the key "${name}" may ${scope}; this needs ${needed}`, {
    expected: needed,
    received: scope,
  });
}
