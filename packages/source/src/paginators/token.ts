import type { JsonValue } from "@penstock/core/json";
import { z } from "zod";
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
 * the last record (`starting_after`). Ends where the flag is `false` or there is no token, however many records came; with
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
      return nextToken(tokenIn(page, options.from), flag, since);
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

function usable(value: JsonValue | undefined): Token | undefined {
  return typeof value === "number" || (typeof value === "string" && value !== "") ? value : undefined;
}
