import { expect, test } from "vitest";
import { z } from "zod";
import { defineSource, defineStream, type StreamOptions } from "./define-source.ts";
import { deletionsProblem, writeModeProblem } from "./write-mode-problem.ts";

const schema = z.object({ id: z.string(), at: z.string() });
type Options = Partial<StreamOptions<typeof schema>>;

function problemOf(options: Options, children: Record<string, Options> = {}): string | undefined {
  const streamOf = (more: Options) => defineStream({ path: "/x", schema, key: "id", ...more });
  const streams = {
    things: streamOf(options),
    ...Object.fromEntries(Object.entries(children).map(([name, more]) => [name, streamOf(more)])),
  };
  const configured = defineSource({ name: "shop", baseUrl: "https://a.example", streams }).configure({});
  const things = configured.isConfigured ? configured.source.streams["things"] : undefined;
  if (!configured.isConfigured || things === undefined) throw new Error("takes no variables");
  return writeModeProblem(configured.source, things) ?? deletionsProblem(things);
}

test("events are told apart by their time", () => {
  expect(problemOf({ writeMode: "append" })).toMatch("needs an eventTime");
  expect(problemOf({ writeMode: "append", eventTime: "at" })).toMatch("a key that names the eventTime too, at");
  expect(problemOf({ writeMode: "append", eventTime: "at", key: ["id", "at"] })).toBeUndefined();
});

test("only what brings all there is replaces it", () => {
  expect(problemOf({ writeMode: "replace" })).toBeUndefined();
  expect(problemOf({ writeMode: "replace", cursor: { field: "at", kind: "timestamp" } })).toMatch("no cursor");
  expect(problemOf({ writeMode: "replace", conditional: true })).toMatch("conditional");
  const parent = { stream: "things", fields: schema };
  expect(problemOf({ writeMode: "replace", parent })).toMatch("no parent");
  expect(problemOf({ writeMode: "replace" }, { parts: { parent } })).toMatch("child streams, such as parts");
});

test("deletions are detected where runs bring all there is, and what is missing stays", () => {
  expect(problemOf({ deletions: "10%", cursor: { field: "at", kind: "timestamp" } })).toBeUndefined();
  expect(problemOf({ deletions: 5, writeMode: "replace" })).toMatch("need no detection");
  expect(problemOf({ deletions: 5, writeMode: "append", eventTime: "at", key: ["id", "at"] })).toMatch(
    "not brought again",
  );
  expect(problemOf({ deletions: 5, conditional: true })).toMatch("cannot be conditional");
  expect(problemOf({ deletions: 5, parent: { stream: "things", fields: schema } })).toMatch("no parent");
});

test("merging needs nothing", () => {
  expect(problemOf({ cursor: { field: "at", kind: "timestamp" } })).toBeUndefined();
});
