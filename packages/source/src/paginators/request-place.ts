import type { JsonObject, JsonValue } from "@penstock/core/json";
import type { JsonPath } from "../json-path.ts";
import { mergeBodies } from "../merge-bodies.ts";
import type { PageRequest } from "../paginator.ts";

/** Where in a request a value goes: a query parameter, a path in the JSON body such as `variables.after`, or a header. */
export type RequestPlace = { query: string } | { body: JsonPath } | { header: string };

/** A name alone is that of a query parameter. */
export function placeOf(place: string | RequestPlace): RequestPlace {
  return typeof place === "string" ? { query: place } : place;
}

export function placed(place: RequestPlace, value: JsonValue): PageRequest {
  if ("body" in place) return { body: bodyAt(place.body, value) };
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return "query" in place ? { query: { [place.query]: text } } : { headers: { [place.header]: text } };
}

function bodyAt(path: JsonPath, value: JsonValue): JsonObject {
  const [field = path, ...outer] = path.split(".").reverse();
  return outer.reduce<JsonObject>((inner, name) => ({ [name]: inner }), { [field]: value });
}

export function mergeRequests(...requests: PageRequest[]): PageRequest {
  const merged: PageRequest = {};
  for (const { query, body, headers, url } of requests) {
    if (query !== undefined) merged.query = { ...merged.query, ...query };
    if (body !== undefined) merged.body = mergeBodies(merged.body, body);
    if (headers !== undefined) merged.headers = { ...merged.headers, ...headers };
    if (url !== undefined) merged.url = url;
  }
  return merged;
}
