import type { RouteResponse } from "@penstock/api-contract/routes";
import { ConfigError } from "@penstock/core/errors";
import { z } from "zod";
import type { Caller } from "../access/callers.ts";
import { sessionCookie } from "../access/guard.ts";
import type { ApiContext } from "../api-context.ts";
import { placeAt, placeText, readCursor, writeCursor } from "../cursor.ts";
import type { Handler, Handlers } from "../handler.ts";
import { boardPath, iso, isoOrNull } from "../present.ts";

function presentSession(api: ApiContext, caller: Caller | undefined): RouteResponse<"getSession"> {
  const shown = caller && { ...caller, expiresAt: isoOrNull(caller.expiresAt) };
  return { caller: shown ?? null, version: api.version, queuesUrl: boardPath };
}

const getSession: Handler<"getSession"> = async ({ api, caller }) => presentSession(api, caller);

const login: Handler<"login"> = async ({ body, api, request, reply }) => {
  const session = await api.callers.login(body.key);
  if (session === undefined) {
    api.pipeline.logger.warn({}, "login refused");
    throw new ConfigError("CALLER_UNKNOWN", "this key does not hold: it is none, has expired, or was revoked");
  }
  const { token, caller, maxAgeMs } = session;
  reply.setCookie(sessionCookie, token, { ...cookieOptions(request.protocol), maxAge: Math.floor(maxAgeMs / 1_000) });
  return presentSession(api, caller);
};

const logout: Handler<"logout"> = async ({ api, caller, request, reply }) => {
  const token = request.cookies[sessionCookie];
  if (token !== undefined) await api.callers.logout(token, caller);
  reply.clearCookie(sessionCookie, cookieOptions(request.protocol));
  return presentSession(api, (await api.callers.isOpen()) ? request.caller : undefined);
};

/** No script can read it, no other site's page sends it; over TLS it goes over nothing else. */
function cookieOptions(protocol: string) {
  return { path: "/", httpOnly: true, sameSite: "strict", secure: protocol === "https" } as const;
}

const auditPlace = z.object({ at: placeAt, id: placeText });

const listAudit: Handler<"listAudit"> = async ({ query, api }) => {
  const { action, target, limit } = query;
  const after = readCursor(auditPlace, query.after);
  const found = await api.pipeline.store.listActions({
    ...(action !== undefined && { action }),
    ...(target !== undefined && { target }),
    ...(after !== undefined && { after }),
    limit,
  });
  const last = found.length < limit ? undefined : found.at(-1);
  return {
    items: found.map(({ at, details, ...entry }) => ({ ...entry, at: iso(at), details: details ?? {} })),
    next: last === undefined ? null : writeCursor({ at: last.at, id: last.id }),
  };
};

export const sessionHandlers = { getSession, login, logout, listAudit } satisfies Partial<Handlers>;
