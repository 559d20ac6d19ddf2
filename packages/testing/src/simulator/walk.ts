import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

export type WalkedPage = { body: JsonValue; headers: Headers; items: JsonObject[]; url: URL };

/** Where a plain client goes on after a page, `undefined` at the end. */
export type NextUrl = (page: WalkedPage) => URL | undefined;

/** Fetches page after page as a person who has read the API's manual would, without any of the pipeline's code. */
export async function walk(start: string, next: NextUrl, headers: Record<string, string> = {}): Promise<JsonObject[]> {
  const all: JsonObject[] = [];
  for (let url: URL | undefined = new URL(start); url !== undefined; ) {
    const response = await fetch(url, { headers });
    const body: JsonValue = JSON.parse(await response.text());
    const page = { body, headers: response.headers, items: itemsOf(body), url };
    all.push(...page.items);
    url = next(page);
  }
  return all;
}

function itemsOf(body: JsonValue): JsonObject[] {
  const items = isJsonObject(body) ? body["items"] : body;
  return Array.isArray(items) ? items.filter(isJsonObject) : [];
}

function withQuery(url: URL, query: Record<string, string>): URL {
  const next = new URL(url);
  for (const [name, value] of Object.entries(query)) next.searchParams.set(name, value);
  return next;
}

const field = (body: JsonValue, name: string) => (isJsonObject(body) ? body[name] : undefined);

const counting = (name: string, first: number, step: (items: number) => number): NextUrl => {
  return ({ items, url }) => {
    const at = Number(url.searchParams.get(name) ?? first);
    return items.length === 0 ? undefined : withQuery(url, { [name]: String(at + step(items.length)) });
  };
};

const tokened = (token: unknown, url: URL) => (typeof token === "string" ? withQuery(url, { token }) : undefined);

/** How each kind of paging is walked. */
export const nextUrls = {
  "next-link": ({ headers }) => {
    const link = /<([^>]+)>; rel="next"/.exec(headers.get("link") ?? "")?.[1];
    return link === undefined ? undefined : new URL(link);
  },
  "next-url": ({ body }) => {
    const next = field(body, "next");
    return typeof next === "string" ? new URL(next) : undefined;
  },
  "body-token": ({ body, url }) => tokened(field(body, "next_token"), url),
  "header-token": ({ headers, url }) => tokened(headers.get("x-next-token"), url),
  "page-number": counting("page", 1, () => 1),
  offset: counting("offset", 0, (items) => items),
  keyset: ({ items, url }) => {
    const last = items.at(-1)?.["ts"];
    const isMoving = last !== undefined && last !== url.searchParams.get("since");
    return isMoving ? withQuery(url, { since: String(last) }) : undefined;
  },
  "has-more": ({ body, items, url }) =>
    field(body, "has_more") === true ? withQuery(url, { starting_after: String(items.at(-1)?.["id"]) }) : undefined,
  window: () => undefined,
  none: () => undefined,
} satisfies Record<string, NextUrl>;
