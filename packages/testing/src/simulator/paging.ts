import { type Entry, firstIndex, type Listing } from "./collection.ts";
import type { JsonObject } from "./json.ts";

/**
 * How an API hands out its collection. Links and tokens go on after the last record that was given, so that changes in
 * between lose nothing; page numbers and offsets count, so that a removal makes records slip past.
 */
export type Paging = { pageSize?: number /** The largest page there is, whatever `limit` says. */; cap?: number } & (
  | { /** `Link: <…>; rel="next"` (RFC 8288). */ kind: "next-link" }
  | { /** `{"next": "https://…"}`, null on the last page. */ kind: "next-url" }
  | { /** `{"next_token": "…"}`, asked for with `?token=`. */ kind: "body-token" }
  | { /** `X-Next-Token`, asked for with `?token=` or the same header. */ kind: "header-token" }
  | { /** `?page=`, from `firstPage` on; default 1. */ kind: "page-number"; firstPage?: 0 | 1; withTotal?: boolean }
  | { /** `?offset=&limit=` */ kind: "offset"; withTotal?: boolean }
  | {
      /** `?since=&limit=`, records of exactly `since` included or not. */ kind: "keyset";
      since: "inclusive" | "exclusive";
    }
  | { /** `?from=&to=`: everything from `from` until before `to`. */ kind: "window" }
  | { /** `?starting_after=<key>&limit=` and `{"has_more": …}`, as Stripe does. */ kind: "has-more" }
  | { kind: "none" }
);

export type Asked = { url: URL; headers: Record<string, string>; body: JsonObject };
export type GivenPage = { entries: readonly Entry[]; extra: JsonObject; headers: Record<string, string> };

/** A request the API refuses with 400. */
export class BadRequest extends Error {}

const defaultLimit = 100;

/** @throws BadRequest when a parameter is wrong */
export function givePage(paging: Paging, collection: Listing, asked: Asked): GivenPage {
  const limit = Math.min(
    wholeNumber(asked, "limit", paging.pageSize ?? defaultLimit, 1),
    paging.cap ?? Number.POSITIVE_INFINITY,
  );
  const all = collection.entries();
  switch (paging.kind) {
    case "none":
      return page(all);
    case "window":
      return page(within(all, instantOf(asked, "from"), instantOf(asked, "to")));
    case "keyset":
      return page(since(all, instantOf(asked, "since"), paging.since).slice(0, limit));
    case "offset":
      return counted(paging, all, wholeNumber(asked, "offset", 0, 0), limit);
    case "page-number": {
      const first = paging.firstPage ?? 1;
      return counted(paging, all, (wholeNumber(asked, "page", first, first) - first) * limit, limit);
    }
    case "has-more":
      return hasMore(collection, asked, limit);
    default:
      return tokened(paging.kind, collection, asked, limit);
  }
}

function page(entries: readonly Entry[], extra: JsonObject = {}, headers: Record<string, string> = {}): GivenPage {
  return { entries, extra, headers };
}

function counted(paging: { withTotal?: boolean }, all: readonly Entry[], from: number, limit: number): GivenPage {
  return page(all.slice(from, from + limit), paging.withTotal === true ? { total: all.length } : {});
}

function hasMore(collection: Listing, asked: Asked, limit: number): GivenPage {
  const all = collection.entries();
  const key = parameter(asked, "starting_after");
  const at = key === undefined ? -1 : all.findIndex((entry) => entry.key === key);
  if (key !== undefined && at < 0) throw new BadRequest(`no such record: ${key}`);
  const given = all.slice(at + 1, at + 1 + limit);
  return page(given, { has_more: at + 1 + given.length < all.length });
}

type TokenKind = "next-link" | "next-url" | "body-token" | "header-token";

function tokened(kind: TokenKind, collection: Listing, asked: Asked, limit: number): GivenPage {
  const all = collection.entries();
  const token = parameter(asked, "token") ?? asked.headers["x-next-token"];
  const from = token === undefined ? 0 : collection.indexAfter(readToken(token));
  const given = all.slice(from, from + limit);
  const last = given.at(-1);
  const next = last === undefined || from + given.length >= all.length ? undefined : tokenOf(last);
  switch (kind) {
    case "body-token":
      return page(given, { next_token: next ?? null });
    case "header-token":
      return page(given, {}, next === undefined ? {} : { "x-next-token": next });
    case "next-url":
      return page(given, { next: next === undefined ? null : withToken(asked.url, next) });
    case "next-link":
      return page(given, {}, next === undefined ? {} : { link: `<${withToken(asked.url, next)}>; rel="next"` });
  }
}

function withToken(url: URL, token: string): string {
  const next = new URL(url);
  next.searchParams.set("token", token);
  return next.href;
}

function tokenOf({ at, key }: Entry): string {
  return Buffer.from(`${at} ${key}`).toString("base64url");
}

function readToken(token: string): { at: number; key: string } {
  const [, at, key] = /^(\d+) (.*)$/s.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (at === undefined || key === undefined) throw new BadRequest("the token is none of ours");
  return { at: Number(at), key };
}

function since(all: readonly Entry[], at: number | undefined, kind: "inclusive" | "exclusive"): readonly Entry[] {
  if (at === undefined) return all;
  const isGiven = (entry: Entry) => (kind === "inclusive" ? entry.at >= at : entry.at > at);
  return isNewestFirst(all)
    ? all.slice(
        0,
        firstIndex(all, (e) => !isGiven(e)),
      )
    : all.slice(firstIndex(all, isGiven));
}

function within(
  all: readonly Entry[],
  from = Number.NEGATIVE_INFINITY,
  to = Number.POSITIVE_INFINITY,
): readonly Entry[] {
  return all.filter(({ at }) => at >= from && at < to);
}

function isNewestFirst(all: readonly Entry[]): boolean {
  return (all.at(0)?.at ?? 0) > (all.at(-1)?.at ?? 0);
}

/** From the query, or from a JSON body. */
function parameter({ url, body }: Asked, name: string): string | undefined {
  const value = url.searchParams.get(name) ?? body[name];
  return value === undefined || value === null ? undefined : String(value);
}

function wholeNumber(asked: Asked, name: string, fallback: number, smallest: number): number {
  const value = Number(parameter(asked, name) ?? fallback);
  if (!Number.isSafeInteger(value) || value < smallest) throw new BadRequest(`${name} is wrong`);
  return value;
}

function instantOf(asked: Asked, name: string): number | undefined {
  const text = parameter(asked, name);
  if (text === undefined) return undefined;
  const at = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(at)) throw new BadRequest(`${name} is wrong`);
  return at;
}
