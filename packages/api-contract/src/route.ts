import type { AuditedAction } from "@penstock/core/audit";
import type { z } from "zod";

/** What a caller must be allowed to do: each includes the ones before it. `none`: anybody may ask. */
export const scopes = ["none", "read", "operate", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** Whether whoever has `held` may do what needs `needed`. */
export function covers(held: Scope, needed: Scope): boolean {
  return scopes.indexOf(held) >= scopes.indexOf(needed);
}

export type Method = "GET" | "POST" | "DELETE";

/** The forms a list can be had in besides JSON, by `Accept`; these have no end of page. */
export type StreamForm = "application/x-ndjson" | "text/csv";

/**
 * One operation of the API: the server registers it, the documentation describes it and the tests try it from this alone.
 * Paths are in the form of OpenAPI, `/v1/runs/{run}`.
 */
export type Route = {
  method: Method;
  path: `/v1/${string}`;
  scope: Scope;
  /** One sentence, for people. */
  summary: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Body of a 200 as JSON; of a stream of events, each event's data. */
  response: z.ZodType;
  /** Also to be had as these. */
  streams?: readonly StreamForm[];
  /** Answers with server-sent events in place of JSON. */
  isEventStream?: true;
  /** The name under which the audit log has it, of routes that change something. */
  action?: AuditedAction;
};

/** Keeps the types of a route's schemas. */
export function route<const R extends Route>(definition: R): R {
  return definition;
}
