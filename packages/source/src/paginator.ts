import type { ErrorCode } from "@penstock/core/error-codes";
import type { JsonObject, JsonValue } from "@penstock/core/json";

/**
 * Walks a collection page by page. A paginator holds no state: what it must remember is the *position*, a small JSON
 * object that travels in the fetch jobs of one run and means nothing to another run.
 */
export type Paginator = {
  kind: string;
  /** The first position of a run that starts from `bound` (`null`: from the beginning). */
  start(bound: string | null): JsonObject;
  /** What the request at this position adds to the stream's own query, or the URL that replaces path and query. */
  request(position: JsonObject): PageRequest;
  /** Where to go on after this page. */
  next(position: JsonObject, page: PageSeen): NextPage;
};

export type PageRequest = { query: Record<string, string> } | { url: string };

export type PageSeen = {
  items: JsonValue[];
  /** The stream's cursor value of each item, in the same order; `null` where an item has none. */
  cursors: (string | null)[];
  /** Best-effort identity of each item: its key if it can be read, else a hash of its content. */
  keys: string[];
  body: JsonValue;
  headers: Record<string, string>;
};

/** `end` with a code: no way on from here, and the run did not see everything; it ends `incomplete`. */
export type NextPage = { kind: "next"; position: JsonObject } | { kind: "end" } | { kind: "incomplete"; code: ErrorCode };
