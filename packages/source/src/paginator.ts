import type { CursorKind, ScalarKind } from "@penstock/core/cursor";
import type { ErrorCode } from "@penstock/core/error-codes";
import type { JsonObject, JsonValue } from "@penstock/core/json";

/**
 * Walks a collection page by page. A paginator holds no state: what it must remember is the *position*, a small JSON
 * object that travels in the fetch jobs of one run and means nothing to another run.
 */
export type Paginator = {
  kind: string;
  /** Where a page may hide records that a later page of the run brings: then the bound waits for the end of the run. */
  mayHide?: boolean;
  /** Whether it asks for records up to a time, so that a run of it can end there by itself. */
  endsAnywhere?: boolean;
  /**
   * The same for a stream with this cursor, where it pages by the cursor itself.
   *
   * @throws RangeError for a cursor it cannot page by
   */
  forCursor?(cursor: CursorShape): Paginator;
  /**
   * The first position of a run that starts from `bound` (`null`: from the beginning).
   *
   * @param cursor the stream's, which says how to read the bound; default a timestamp
   * @param upTo where the run may end, as cursor text; only for paginators that can, see `endsAnywhere`
   */
  start(bound: string | null, cursor?: CursorShape, upTo?: string): JsonObject;
  /** What the request at this position adds to the stream's own query. */
  request(position: JsonObject): PageRequest;
  /**
   * Where to go on after this page.
   *
   * @throws PermanentError when there is no way on and what was read so far must not count as a beginning
   */
  next(position: JsonObject, page: PageSeen): NextPage;
  /** What a person should know about this request when the API rejects it. */
  remark?(position: JsonObject): string | undefined;
};

export type PageRequest = {
  query?: Record<string, string>;
  /** Merged into the stream's JSON body, objects within it too. */
  body?: JsonObject;
  headers?: Record<string, string>;
  /** A link that the API gave, absolute or relative to the request before: replaces base URL, path and query. */
  url?: string;
};

export type PageSeen = {
  items: JsonValue[];
  /** The stream's cursor value of each item, in the same order; `null` where an item has none. */
  cursors: (string | null)[];
  /** The same values as the API wrote them. */
  rawCursors: (JsonValue | undefined)[];
  /** Best-effort identity of each item: its key if it can be read, else a hash of its content. */
  keys: string[];
  /** The response outside the records. */
  body: JsonValue | undefined;
  /** Of the response, by lower-case name. */
  headers: Record<string, string>;
  /** What was asked, without credentials. */
  url: string;
};

/** How the cursor's values are compared, and whether a filter by them (`since`) gives the equal ones too. */
export type CursorShape = {
  kind: CursorKind;
  /** Of its fields: one, but of a compound cursor. */
  kinds: readonly ScalarKind[];
  boundary: "inclusive" | "exclusive";
};

/**
 * `rereads`: the page there may show what was read already, or nothing; the paginator comes to an end all the same.
 * `incomplete`: no way on from here, and the run did not see everything.
 */
export type NextPage =
  | { kind: "next"; position: JsonObject; rereads?: boolean }
  | { kind: "end" }
  | { kind: "incomplete"; code: ErrorCode };
