import { problem } from "@penstock/api-contract/problem";
import type { Route } from "@penstock/api-contract/route";
import { routes } from "@penstock/api-contract/routes";
import { z } from "zod";

/*
 * The API's description, OpenAPI 3.1, made of the route table: its schemas are JSON Schema as they are.
 */

type Json = { [field: string]: unknown };
type Schemas = { [name: string]: unknown };

export type OpenApi = {
  openapi: string;
  info: Json;
  paths: { [path: string]: { [method: string]: Json } };
  components: Json;
};

export function describeApi(version: string): OpenApi {
  const schemas: Schemas = {};
  const paths: OpenApi["paths"] = {};
  for (const [name, route] of Object.entries(routes)) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(name, route, schemas) };
  }
  schemaOf(problem, "output", schemas);
  const key = { type: "http", scheme: "bearer", description: "A key that `penstock keys create` made." };
  const session = { type: "apiKey", in: "cookie", name: "penstock_session" };
  return {
    openapi: "3.1.0",
    info: {
      title: "Penstock",
      version,
      description: "What was pulled, how the pipeline stands, and how to act on it.",
    },
    paths,
    components: { schemas, securitySchemes: { key, session } },
  };
}

function operation(operationId: string, route: Route, schemas: Schemas): Json {
  const { summary, scope, body } = route;
  const content = body && { "application/json": { schema: schemaOf(body, "input", schemas) } };
  const security = scope === "none" ? [] : [{ key: [] }, { session: [] }];
  return {
    operationId,
    summary,
    description: scope === "none" ? "Anybody may ask." : `Needs the scope \`${scope}\`.`,
    tags: [route.path.split("/")[2] ?? ""],
    security,
    "x-scope": scope,
    parameters: [...parameters("path", route.params, schemas), ...parameters("query", route.query, schemas)],
    ...(content && { requestBody: { content, required: true } }),
    responses: {
      200: { description: "Done.", content: contents(route, schemas) },
      ...(route.method === "GET" && { 304: { description: "As the caller has it, by `If-None-Match`." } }),
      default: {
        description: "Refused or failed.",
        content: { "application/problem+json": { schema: schemaOf(problem, "output", schemas) } },
      },
    },
  };
}

function contents({ response, isEventStream, streams = [] }: Route, schemas: Schemas): Json {
  const schema = schemaOf(response, "output", schemas);
  if (isEventStream === true) return { "text/event-stream": { schema } };
  const others = streams.map((form) => [form, { schema: { type: "string" } }] as const);
  return { "application/json": { schema }, ...Object.fromEntries(others) };
}

function parameters(place: "path" | "query", object: z.ZodObject | undefined, schemas: Schemas): Json[] {
  if (object === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(object, { io: "input", unrepresentable: "any" });
  const names = Object.keys(properties);
  return names.map((name) => {
    const { description, ...schema } = asObject(hoisted(properties[name], schemas));
    const isRequired = place === "path" || required.includes(name);
    return { name, in: place, required: isRequired, ...(description !== undefined && { description }), schema };
  });
}

function schemaOf(schema: z.ZodType, io: "input" | "output", schemas: Schemas): unknown {
  const { $schema: _dialect, ...made } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return hoisted(made, schemas);
}

const definitions = "#/$defs/";

/** Schemas with a name stand once, under components. Those that zod names by itself are the same ones wherever they are. */
function hoisted(schema: unknown, schemas: Schemas): unknown {
  const { $defs = {}, id, ...rest } = asObject(schema);
  for (const [name, definition] of Object.entries(asObject($defs))) {
    const { id: _id, ...defined } = asObject(definition);
    schemas[name] = relinked(defined);
  }
  if (typeof id !== "string") return relinked(rest);
  schemas[id] = relinked(rest);
  return { $ref: `#/components/schemas/${id}` };
}

function relinked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relinked);
  if (typeof value === "string" && value.startsWith(definitions))
    return `#/components/schemas/${value.slice(definitions.length)}`;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, relinked(inner)]));
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
