import type { JsonValue } from "@penstock/core/json";
import { type JsonPath, jsonPathReader } from "../json-path.ts";
import type { PageSeen } from "../paginator.ts";

/** Reads what the body says of the paging; `undefined` where no path is given. */
export function bodyReader(path: JsonPath | undefined): (page: PageSeen) => JsonValue | undefined {
  if (path === undefined) return () => undefined;
  const read = jsonPathReader(path);
  return ({ body }) => (body === undefined ? undefined : read(body));
}

export function numberIn(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}
