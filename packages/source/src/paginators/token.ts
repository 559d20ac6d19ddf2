import { PermanentError } from "@penstock/core/errors";
import type { JsonValue } from "@penstock/core/json";
import { z } from "zod";
import { describeValue } from "../describe-value.ts";
import { instantOf } from "../instant.ts";
import { type JsonPath, jsonPathReader } from "../json-path.ts";
import type { NextPage, PageSeen, Paginator } from "../paginator.ts";
import { mergeRequests, placed, type RequestPlace } from "./request-place.ts";
import { type Since, sinceRequest, sinceText } from "./since.ts";

export type TokenOptions = {
  /** Where the next page's token stands: a path in the body, a header of the response, or a path in the page's last record. */
  from: { body: JsonPath } | { header: string } | { lastRecord: JsonPath };
  /** Where it goes. */
  to: RequestPlace;
  /** Path of a flag in the body that is `false` on the last page. */
  hasMore?: JsonPath;
  since?: Since;
};

type Token = string | number;
const positionSchema = z.object({ token: z.union([z.string(), z.number()]).nullable(), since: z.string().nullable() });

/**
 * Pages by a token that each page gives for the next one; what it means is the API's affair. The token may be a field of
 * the last record (`starting_after`): one that no other record has, or those that share it are lost when an edge comes between
 * them. Values that two records of a page share, and times, are refused with `TOKEN_NOT_UNIQUE`. Ends where the flag is `false` or there is no token, however many records came; with
 * a flag that is `true` and no token the run is `incomplete` with `NEXT_MISSING`.
 */
export function token(options: TokenOptions): Paginator {
  const hasMore = options.hasMore === undefined ? () => undefined : jsonPathReader(options.hasMore);
  return {
    kind: "token",
    start: (bound, cursor) => ({ token: null, since: sinceText(options.since, bound, cursor) }),
    request: (position) => {
      const { token, since } = positionSchema.parse(position);
      return mergeRequests(sinceRequest(options.since, since), token === null ? {} : placed(options.to, token));
    },
    next: (position, page) => {
      const { since } = positionSchema.parse(position);
      const flag = page.body === undefined ? undefined : hasMore(page.body);
      const next = nextToken(tokenIn(page, options.from), flag, since);
      if (next.kind === "next" && "lastRecord" in options.from) refuseShared(page, options.from.lastRecord);
      return next;
    },
  };
}

function nextToken(token: Token | undefined, hasMore: JsonValue | undefined, since: string | null): NextPage {
  if (hasMore === false) return { kind: "end" };
  if (token !== undefined) return { kind: "next", position: { token, since } };
  return hasMore === true ? { kind: "incomplete", code: "NEXT_MISSING" } : { kind: "end" };
}

function tokenIn({ body, headers, items }: PageSeen, from: TokenOptions["from"]): Token | undefined {
  if ("header" in from) return usable(headers[from.header.toLowerCase()]);
  const [holder, path] = "body" in from ? [body, from.body] : [items.at(-1), from.lastRecord];
  return holder === undefined ? undefined : usable(jsonPathReader(path)(holder));
}

/** Not `incomplete`: in a stream that is sorted the bound would move with this page, past what is missed. */
function refuseShared({ items, keys }: PageSeen, path: JsonPath): void {
  const read = jsonPathReader(path);
  const keyOf = new Map<JsonValue | undefined, string | undefined>();
  for (const [i, item] of items.entries()) {
    const value = item === null ? undefined : usable(read(item));
    if (value === undefined) continue;
    if (keyOf.has(value) && keyOf.get(value) !== keys[i])
      throw notUnique(path, `two records of one page share ${describeValue(value)}`);
    keyOf.set(value, keys[i]);
    if (typeof value === "string" && instantOf(value) !== null)
      throw notUnique(path, `it is a time, ${describeValue(value)}, which any number of records may share`);
  }
}

function notUnique(path: JsonPath, why: string): PermanentError {
  const message = `the next page is asked for behind the last record's ${path}, and ${why}`;
  return new PermanentError("TOKEN_NOT_UNIQUE", message, { path, expected: "a value that no other record has" });
}

function usable(value: JsonValue | undefined): Token | undefined {
  return typeof value === "number" || (typeof value === "string" && value !== "") ? value : undefined;
}
