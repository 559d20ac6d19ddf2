import type { JsonObject } from "@penstock/core/json";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineSource, defineStream } from "./define-source.ts";
import { mergeBodies } from "./merge-bodies.ts";
import { httpRequest } from "./page-request.ts";
import { walkApi } from "./paginators/simulated-api.ts";
import { token } from "./paginators/token.ts";

test("a GraphQL API: the token and the bound go among the variables that the stream states", () => {
  const things = defineStream({
    path: "/graphql",
    method: "POST",
    body: { query: "query ($first: Int!, $after: String) { … }", variables: { first: 2, filter: { state: "OPEN" } } },
    records: "data.things.nodes",
    schema: z.object({ id: z.string() }),
    key: "id",
    cursor: { field: "at" },
    paginator: token({
      from: { body: "data.things.pageInfo.endCursor" },
      to: { body: "variables.after" },
      hasMore: "data.things.pageInfo.hasNextPage",
      since: { body: "variables.filter.since" },
    }),
  });
  const configured = defineSource({ name: "g", baseUrl: "https://a.example", streams: { things } }).configure({});
  if (!configured.isConfigured) throw new Error("not configured");
  const { source } = configured;
  const variables: unknown[] = [];
  const { end } = walkApi(
    things.paginator,
    (asked) => {
      const { body } = httpRequest(source, { ...things, name: "things" }, asked, undefined);
      variables.push(body?.["variables"]);
      const isLast = variables.length === 2;
      const pageInfo = { endCursor: `c${variables.length}`, hasNextPage: !isLast };
      return { items: [{ id: "x" }], body: { data: { things: { pageInfo } } } };
    },
    { bound: "2026-01-31T12:00:00.000Z" },
  );
  const filter = { state: "OPEN", since: "2026-01-31T11:59:59.999Z" };
  expect(end).toBe("end");
  expect(variables).toEqual([
    { first: 2, filter },
    { first: 2, filter, after: "c1" },
  ]);
});

test.each<[JsonObject | undefined, JsonObject | undefined, JsonObject]>([
  [undefined, undefined, {}],
  [{ a: 1 }, undefined, { a: 1 }],
  [undefined, { b: { c: 1 } }, { b: { c: 1 } }],
  [{ a: { x: 1, y: 2 } }, { a: { y: 3 } }, { a: { x: 1, y: 3 } }],
  [{ a: [1, 2] }, { a: [3] }, { a: [3] }],
  [{ a: { x: 1 } }, { a: null }, { a: null }],
  [{ a: 1 }, { toString: { x: 1 } }, { a: 1, toString: { x: 1 } }],
])("%j and %j together", (first, second, merged) => {
  const before = JSON.stringify(first);
  expect(mergeBodies(first, second)).toEqual(merged);
  expect(JSON.stringify(first)).toBe(before);
});

test("a field called __proto__ is a field", () => {
  const text = '{"a":1,"__proto__":{"polluted":true}}';
  expect(JSON.stringify(mergeBodies({ a: 1 }, JSON.parse(text)))).toBe(text);
});
