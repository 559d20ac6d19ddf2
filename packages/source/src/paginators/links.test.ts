import { expect, test } from "vitest";
import { linkHeader, nextUrl } from "./links.ts";
import { type Api, walkApi } from "./simulated-api.ts";

const asked = "https://api.example/v1/items?page=1";
const first: Api = ({ url }) => ({ items: [{ id: url ?? "first" }], url: url ?? asked });
const withLink =
  (link: string): Api =>
  (request) => ({ ...first(request), ...(request.url === undefined && { headers: { link } }) });

test.each([
  ['<https://api.example/v1/items?page=2>; rel="next"', "https://api.example/v1/items?page=2"],
  ['<https://a.example/1>; rel="prev", <https://a.example/3>; rel="next"', "https://a.example/3"],
  ["<https://a.example/3>; rel=next", "https://a.example/3"],
  ['<https://a.example/3>; rel="last next"; title="a, b; c"', "https://a.example/3"],
  ['</v1/items?page=2>; rel="next"', "https://api.example/v1/items?page=2"],
  ['<?page=2&q=a,b>; rel="next"', "https://api.example/v1/items?page=2&q=a,b"],
])("the link %s is followed", (link, url) => {
  const { requests, end } = walkApi(linkHeader(), withLink(link));
  expect({ requests, end }).toEqual({ requests: [{}, { url }], end: "end" });
});

test.each([['<https://a.example/1>; rel="prev"'], [""]])("no next link in %j: the end", (link) => {
  expect(walkApi(linkHeader(), withLink(link))).toMatchObject({ end: "end", requests: [{}] });
});

test("another header and relation", () => {
  const api: Api = (request) => ({
    ...first(request),
    ...(request.url === undefined && { headers: { "x-links": '</2>; rel="following"' } }),
  });
  expect(walkApi(linkHeader({ header: "X-Links", rel: "following" }), api).requests).toHaveLength(2);
});

test("an address in the body, relative to the one asked, with the bound in the first request only", () => {
  const api: Api = (request) => ({
    ...first(request),
    body: { paging: { next: request.url ? null : "items?page=2" } },
  });
  const paginator = nextUrl({ path: "paging.next", since: "since" });
  const { requests, end } = walkApi(paginator, api, { bound: "2026-01-31T12:00:00.000Z" });
  expect(end).toBe("end");
  expect(requests).toEqual([
    { query: { since: "2026-01-31T11:59:59.999Z" } },
    { url: "https://api.example/v1/items?page=2" },
  ]);
});

test("an empty page that names a next page goes on", () => {
  const api: Api = ({ url }) =>
    url === undefined ? { items: [], body: { next: "/2" } } : { items: [{ id: "a" }], body: {} };
  expect(walkApi(nextUrl({ path: "next" }), api)).toMatchObject({ ids: ["a"], end: "end" });
});

test.each(["http://", "https://exa mple/"])("an address %j that is none: incomplete", (next) => {
  expect(walkApi(nextUrl({ path: "next" }), () => ({ items: [], body: { next } })).end).toBe("NEXT_INVALID");
});
