import { parentPartition } from "@penstock/core/partition";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { defineSource, defineStream, type StreamDefinition } from "./define-source.ts";
import type { Source, Stream } from "./model.ts";
import { pageUrl } from "./page-url.ts";
import { parentProblem } from "./parent-problem.ts";
import { fillBody } from "./template.ts";
import { bestEffortKey, createTransformer } from "./transform.ts";

const issue = z.object({ number: z.int(), repo: z.string(), labels: z.array(z.string()) });
const comment = z.object({ id: z.int(), body: z.string() });
const issues = defineStream({ path: "/issues", schema: issue, key: ["repo", "number"] });
const parent = { stream: "issues", fields: issue.pick({ number: true, repo: true }) };
const path = "/repos/{repo}/issues/{number}/comments";
const comments = defineStream({ parent, path, schema: comment, key: "id" });

function sourceOf(streams: Record<string, StreamDefinition>, baseUrl = "https://api.example/v1/"): Source {
  const configured = defineSource({ name: "github", baseUrl, streams }).configure({});
  if (!configured.isConfigured) throw new Error("not configured");
  return configured.source;
}

function streamOf(source: Source, name: string): Stream {
  const stream = source.streams[name];
  if (stream === undefined) throw new Error(`no stream ${name}`);
  return stream;
}

describe("the address of a page", () => {
  const address = (definition: StreamDefinition, values: Record<string, string | number | boolean>) => {
    const source = sourceOf({ issues, comments: definition });
    return pageUrl(source, streamOf(source, "comments"), { query: { page: "2" } }, values).href;
  };
  const host = "https://api.example/v1/repos";

  test("path and query are filled with the parent's values, the paginator's query goes as it is", () => {
    const query = { of: "{repo}#{number}", literal: "{{number}}", fixed: "x" };
    const stream = defineStream({ parent, path, query, schema: comment, key: "id" });
    expect(address(stream, { repo: "node", number: 7 })).toBe(
      `${host}/node/issues/7/comments?of=node%237&literal=%7Bnumber%7D&fixed=x&page=2`,
    );
  });

  test("a parameter of several values is sent as often, filled where there is a parent, in place of the source's", () => {
    const query = { "state[]": ["open", "{repo}"], tag: [], fixed: "new" };
    const source = sourceOf({ issues: defineStream({ ...base, query }) }, "https://api.example/?fixed=old&tag=x");
    const stream = streamOf(source, "issues");
    const search = (values?: { repo: string }) => [...pageUrl(source, stream, { query: {} }, values).searchParams];
    expect(search()).toEqual([
      ["state[]", "open"],
      ["state[]", "{repo}"],
      ["fixed", "new"],
    ]);
    expect(search({ repo: "a&b" })[1]).toEqual(["state[]", "a&b"]);
  });

  test.each([
    ["a/b", "a%2Fb"],
    ["../../admin", "..%2F..%2Fadmin"],
    ["a?x=1#y", "a%3Fx%3D1%23y"],
    ["%2e%2e", "%252e%252e"],
    ["a\\b c", "a%5Cb%20c"],
    ["ä\n", "%C3%A4%0A"],
    ["{number}", "%7Bnumber%7D"],
  ])("%j stays within its segment", (repo, encoded) => {
    expect(address(comments, { repo, number: 7 })).toBe(`${host}/${encoded}/issues/7/comments?page=2`);
  });

  test.each(["", ".", ".."])("%j cannot be a segment", (repo) => {
    expect(() => address(comments, { repo, number: 7 })).toThrow(
      expect.objectContaining({ code: "PARENT_VALUE_INVALID", details: expect.objectContaining({ path: "repo" }) }),
    );
  });

  test("a value that the parent lacks, such as one of its prototype, is refused", () => {
    expect(() => address(comments, { number: 7 })).toThrow("the parent's repo cannot fill the request");
    const inherited = defineStream({ ...base, path: "/{constructor}" });
    expect(() => address(inherited, { number: 7 })).toThrow("the parent's constructor");
  });

  test("of a stream without parent nothing is a template", () => {
    const source = sourceOf({ issues: defineStream({ ...base, query: { fields: "id,likes{total}" } }) });
    expect(pageUrl(source, streamOf(source, "issues"), { query: {} }, undefined).search).toBe(
      "?fields=id%2Clikes%7Btotal%7D",
    );
  });
});

const base = { path: "/x", schema: comment, key: "id" } as const;

test("a body's texts are filled; one that is a field alone keeps the field's type", () => {
  const body = { query: "query { issue }", variables: { number: "{number}", ids: ["{repo}-{number}", 1, null, true] } };
  expect(fillBody(body, { repo: "node", number: 7 })).toEqual({
    query: "query { issue }",
    variables: { number: 7, ids: ["node-7", 1, null, true] },
  });
});

describe("what loading refuses", () => {
  const problemOf = (streams: Record<string, StreamDefinition>, name = "comments") => {
    const source = sourceOf(streams);
    return parentProblem(source, streamOf(source, name));
  };
  const child = (options: {
    path?: string;
    query?: Record<string, string>;
    stream?: string;
    fields?: z.ZodObject<{ [field: string]: z.ZodInt }>;
  }) =>
    defineStream({
      ...base,
      path: options.path ?? "/{number}",
      ...(options.query && { query: options.query }),
      parent: { stream: options.stream ?? "issues", fields: options.fields ?? z.object({ number: z.int() }) },
    });

  test("nothing about a good one", () => {
    expect(problemOf({ issues, comments })).toBeUndefined();
    expect(problemOf({ issues, comments }, "issues")).toBeUndefined();
  });

  test.each([
    ["a parent that is not there", { stream: "isues" }, "parent names isues; the source has issues, comments"],
    ["itself as parent", { stream: "comments" }, "its parents lead back to comments"],
    ["a field that the parent has not", { fields: z.object({ nr: z.int() }) }, "parent.fields names nr"],
    ["no field", { fields: z.object({}) }, "parent.fields names no field"],
    ["a path with an unknown field", { path: "/{repo}" }, "path has {repo}, which parent.fields has not"],
    ["a query with one", { query: { since: "{at}" } }, "query has {at}"],
  ])("%s", (_what, options, problem) => {
    expect(problemOf({ issues, comments: child(options) })).toContain(problem);
  });

  test("parents in a circle, and a template in a path without parent", () => {
    const circle = { a: child({ stream: "b" }), b: child({ stream: "a" }), c: child({ stream: "a" }) };
    expect(problemOf(circle, "a")).toBe("its parents lead back to a");
    expect(problemOf(circle, "c")).toBe("its parents lead back to a");
    expect(problemOf({ issues: defineStream({ ...base, path: "/{number}" }) }, "issues")).toContain("no parent");
  });
});

test("the values are those that the fields name, and a record that lacks one has no children", () => {
  expect(comments.parent?.valuesOf({ number: 7, repo: "node", labels: [] })).toEqual({ number: 7, repo: "node" });
  expect(comments.parent?.valuesOf({ number: 7, repo: null, labels: [] })).toBeUndefined();
});

test("the transform gets the parent's values with their types; keys begin with the parent's", () => {
  const stream = defineStream({
    parent,
    path,
    schema: comment,
    output: z.object({ id: z.int(), number: z.int() }),
    transform: ({ id }, context) => {
      const repo: string = context.parent.repo;
      // @ts-expect-error: the fields have no such one
      const missing: unknown = context.parent.labels;
      return { id, number: context.parent.number + repo.length + (missing === undefined ? 0 : 1) };
    },
    key: "id",
  });
  const source = sourceOf({ issues, comments: stream });
  const record = (key: string, number: number) => {
    const transform = createTransformer(source, streamOf(source, "comments"), { key, values: { number, repo: "ab" } });
    const made = transform({ id: 5, body: "" }, { fetchedAt: new Date(0) });
    return made.kind === "records" ? made.records.map(({ key, data }) => [key, JSON.parse(data)]) : [];
  };
  expect(record("1", 1)).toEqual([['["1","5"]', { id: 5, number: 3 }]]);
  expect(record("2", 2)).toEqual([['["2","5"]', { id: 5, number: 4 }]]);
  expect(bestEffortKey(streamOf(source, "comments"), { id: 5 }, "1")).toBe('["1","5"]');
  expect(bestEffortKey(streamOf(source, "comments"), { id: null }, "1")).toBeNull();
  const changed = createTransformer(source, streamOf(source, "comments"), { key: "1", values: { number: "old" } });
  expect(() => changed({ id: 5, body: "" }, { fetchedAt: new Date(0) })).toThrow(
    expect.objectContaining({ code: "TRANSFORM_FAILED" }),
  );
});

test("a stream without parent has none to give", () => {
  const streams = [
    // @ts-expect-error: only a child's transform gets values of a parent
    defineStream({ ...base, output: comment, transform: (record, { parent }) => ({ ...record, body: parent }) }),
    // @ts-expect-error: a value in a request is text, a number or a boolean
    defineStream({ ...base, parent: { stream: "issues", fields: issue } }),
  ];
  expect(streams).toHaveLength(2);
  expect(parentPartition("7")).toBe("parent:7");
});
