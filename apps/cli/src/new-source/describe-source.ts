import { ConfigError } from "@penstock/core/errors";
import type { JsonObject } from "@penstock/core/json";
import { cursorOn } from "@penstock/source/cursor-field";
import { describeValue } from "@penstock/source/describe-value";
import type { Query } from "@penstock/source/model";
import type { Credentials } from "./credentials.ts";
import { findKey, findTimes, findWrapper, flattened, orderBy, type SampleOrder } from "./infer-fields.ts";
import { type InferredPaginator, inferPaginator } from "./infer-paginator.ts";
import { findRecords } from "./infer-records.ts";
import { type Declaration, declare } from "./infer-schema.ts";
import { openQuery, type Sample } from "./sample.ts";

/** Everything that the file says, found out from one response. */
export type SourceDescription = {
  name: string;
  stream: string;
  baseUrl: string;
  path: string;
  query: Query;
  credentials: Credentials;
  /** Path of the records in the response. */
  recordsPath: string[];
  records: number;
  declarations: Declaration[];
  wrapper: string | undefined;
  key: string[];
  /** Path of the field in a raw record. */
  cursor: string | undefined;
  /** Whether its times are written without a zone, which has to be told then. */
  isZoneMissing: boolean;
  version: string | undefined;
  eventTime: string | undefined;
  order: SampleOrder;
  paginator: InferredPaginator;
};

/** Those that page are sent once. */
function singles(query: Query): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
}

/**
 * Reads a sample as a source's definition.
 *
 * @throws ConfigError `SAMPLE_UNUSABLE` for a response without records, or with none that could be told apart
 */
export function describeSource(name: string, url: URL, credentials: Credentials, sample: Sample): SourceDescription {
  const found = findRecords(sample.body);
  if (found === undefined) throw withoutRecords(name, sample);
  const wrapper = findWrapper(found.records);
  const records = withoutCollisions(found.records, wrapper);
  const flat = records.map((record) => flattened(record, wrapper));
  const key = findKey(flat);
  if (key === undefined) throw withoutKey(name, flat.length);
  const { changed, happened } = findTimes(flat);
  const allQuery = openQuery(url, credentials);
  const order = changed === undefined ? "none" : orderBy(flat, changed);
  const paginator = inferPaginator({
    sample,
    recordsPath: found.path,
    query: singles(allQuery),
    key: key.length === 1 && records[0]?.[key[0] ?? ""] !== undefined ? key[0] : undefined,
    isSortedByChange: order === "asc",
  });
  const cursor = changed === undefined ? undefined : rawPath(records, wrapper, changed);
  return {
    name,
    ...placeOf(url),
    query: Object.fromEntries(
      Object.entries(allQuery).filter(([parameter]) => !paginator.parameters.includes(parameter)),
    ),
    credentials,
    recordsPath: found.path,
    records: records.length,
    declarations: declare("record", records),
    wrapper,
    key,
    cursor,
    isZoneMissing: cursor !== undefined && records.some((record) => cursorOn({ field: cursor }).of(record) === null),
    version: changed,
    eventTime: happened ?? changed,
    order,
    paginator,
  };
}

/** `/v1/orders.json` is the stream `orders` at `/v1`. */
function placeOf(url: URL): Pick<SourceDescription, "stream" | "baseUrl" | "path"> {
  const segments = url.pathname.split("/").filter((segment) => segment !== "");
  const last = segments.pop() ?? "";
  const stream = decodeURIComponent(last)
    .replace(/\.\w+$/, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replace(/^[^a-z]+|_+$/g, "");
  const base = segments.length === 0 ? "" : `/${segments.join("/")}`;
  return { stream: stream === "" ? "records" : stream, baseUrl: url.origin + base, path: `/${last}` };
}

/** SQL takes names that differ in case only for one, and the view has a column `fetched_at` already: such fields are left out. */
function withoutCollisions(records: JsonObject[], wrapper: string | undefined): JsonObject[] {
  const taken = new Map([["fetched_at", "the view"]]);
  const refused = new Set<string>();
  for (const field of records.flatMap((record) => Object.keys(flattened(record, wrapper)))) {
    const other = taken.get(field.toLowerCase());
    if (other === undefined) taken.set(field.toLowerCase(), field);
    else if (other !== field) refused.add(field);
  }
  const without = (object: JsonObject) =>
    Object.fromEntries(Object.entries(object).filter(([field]) => !refused.has(field)));
  return records.map((record) => {
    const own = without(record);
    const inner = wrapper === undefined ? undefined : own[wrapper];
    return typeof inner === "object" && inner !== null && !Array.isArray(inner) && wrapper !== undefined
      ? { ...own, [wrapper]: without(inner) }
      : own;
  });
}

function rawPath([first = {}]: JsonObject[], wrapper: string | undefined, field: string): string {
  return Object.hasOwn(first, field) || wrapper === undefined ? field : `${wrapper}.${field}`;
}

function withoutRecords(name: string, { body }: Sample): ConfigError {
  const message = `source ${name}: no array of objects in the response, which is ${describeValue(body)}`;
  return new ConfigError("SAMPLE_UNUSABLE", message, {
    source: name,
    expected: "an array of objects",
    received: describeValue(body),
  });
}

function withoutKey(name: string, records: number): ConfigError {
  const message = `source ${name}: in the ${records} records of the response no field and no two fields tell all of them apart`;
  return new ConfigError("SAMPLE_UNUSABLE", message, { source: name });
}
