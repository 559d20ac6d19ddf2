import { randomAt } from "@penstock/testing/simulator/seeded-random";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestApi, type TestApi } from "./test-api.ts";

/*
 * Requests made up from the API's own description, good ones and bad: whatever is asked, the answer is one that the description
 * has, and never a failure of the server.
 */

const requests = Number(process.env["PENSTOCK_TEST_FUZZ_REQUESTS"] ?? 10_000);
const seed = 20_261_124;

type Schema = { [field: string]: unknown };
type Parameter = { name: string; in: string; required: boolean; schema: Schema };
type Content = { [type: string]: { schema: Schema } };
type Operation = {
  operationId: string;
  parameters: Parameter[];
  requestBody?: { content: Content };
  responses: { [status: string]: { content: Content } };
};
type OpenApi = { paths: { [path: string]: { [method: string]: Operation } } };

const stack = new AsyncDisposableStack();
let api: TestApi;
beforeAll(async () => {
  api = await openTestApi(stack);
});
afterAll(() => stack.disposeAsync());

/** What breaks things: text of all kinds, numbers at the edges, names that mean something to JavaScript, SQL or a shell. */
const hostile = [
  ...[
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "'",
    '"',
    "\\",
    "; DROP TABLE records; --",
    "' OR 1=1 --",
    "%",
    "_",
    "#{7*7}",
    "../../etc/passwd",
  ],
  ...[
    "__proto__",
    "constructor",
    "\uD800",
    "\u202E",
    "𝕊",
    "x".repeat(5_000),
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "NaN",
  ],
  ...[
    "9007199254740993",
    "99999999999999999999",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "2026-02-30T00:00:00Z",
  ],
  ...[
    "bm90IGEgY3Vyc29y",
    "eyJhIjoxfQ",
    "value:eq:1",
    "value:in:",
    "a.b.c:contains:'",
    "a:lt:null",
    "value:ne:\u0000",
    'a:eq:"\\u0000"',
  ],
];

function createGenerator(known: string[], fitting: Record<string, string>) {
  let drawn = 0;
  const random = () => randomAt(seed, drawn++);
  const pick = <T>(values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)];
  const textFor = (schema: Schema): unknown => {
    if (Array.isArray(schema["enum"])) return pick(schema["enum"]);
    if (Array.isArray(schema["examples"]) && random() < 0.6) return pick(schema["examples"]);
    if (random() < 0.5) return pick(known);
    return random() < 0.5 ? pick(hostile) : String(Math.floor(random() * 50));
  };
  const make = (schema: Schema, depth = 0): unknown => {
    if (random() < 0.04) return pick<unknown>([null, [], {}, 3, true, ...hostile]);
    const alternatives = schema["anyOf"] ?? schema["oneOf"];
    if (Array.isArray(alternatives)) return make(pick<Schema>(alternatives) ?? {}, depth + 1);
    if (schema["const"] !== undefined) return schema["const"];
    const { type } = schema;
    if (type === "object") return makeObject(schema, depth);
    if (type === "array")
      return Array.from({ length: Math.floor(random() * 4) }, () => make((schema["items"] ?? {}) as Schema, depth + 1));
    if (type === "integer" || type === "number") return pick([0, 1, -1, 2, 100, 1_001, 1.5, Number.MAX_SAFE_INTEGER]);
    if (type === "boolean") return random() < 0.5;
    return textFor(schema);
  };
  const makeObject = ({ properties = {}, required = [] }: Schema, depth: number) => {
    const wanted = Object.entries(properties as { [name: string]: Schema }).filter(
      ([name]) => random() < ((required as string[]).includes(name) ? 0.97 : 0.4),
    );
    const made = Object.fromEntries(
      wanted.map(([name, inner]) => [name, (random() < 0.7 && fitting[name]) || make(inner, depth + 1)]),
    );
    return random() < 0.03 ? { ...made, surprise: pick(hostile) } : made;
  };
  return { random, pick, make };
}

function queryText(value: unknown, name: string): string[] {
  const values = Array.isArray(value) ? value : [value];
  return values.map((each) => `${encodeURIComponent(name)}=${encoded(each)}`);
}

/** Half of a pair cannot be written in an address. */
const encoded = (value: unknown) =>
  encodeURIComponent((typeof value === "object" ? JSON.stringify(value) : String(value)).toWellFormed());

test(`${requests} requests: no failure of the server, no answer outside the description`, {
  timeout: 600_000,
}, async () => {
  const { key } = await api.key("admin");
  const description: OpenApi = (await api.server.inject({ url: "/openapi.json" })).json();
  const ajv = formats.default(new Ajv2020({ strict: false, allErrors: true, validateFormats: true }));
  ajv.addSchema(description, "api");
  const validators = new Map<string, NonNullable<ReturnType<typeof ajv.getSchema>>>();
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  // Events have no end: their route is asked elsewhere.
  const asked = operations.filter(({ operation }) => operation.operationId !== "followEvents");
  const known = [
    "scripted",
    "s0",
    "s1",
    "live",
    "k0-00",
    "k1-10",
    "RECORD_INVALID",
    api.runId,
    api.letterId,
    api.backfillId,
  ];
  const fitting: Record<string, string> = {
    ...{
      source: "scripted",
      stream: "s0",
      key: "k0-00",
      run: api.runId,
      letter: api.letterId,
      backfill: api.backfillId,
    },
  };
  const { random, pick, make } = createGenerator(known, fitting);
  const statuses = new Map<string, Set<number>>();
  const wrong: string[] = [];

  for (let i = 0; i < requests; i++) {
    const { path, method, operation } = asked[i % asked.length] ?? operations[0] ?? expect.fail("no operations");
    const chosen = operation.parameters.filter((each) => each.in === "query" && random() < 0.2);
    const query = chosen.flatMap(({ name, schema }) => queryText(make(schema), name));
    const nameFor = (name: string) =>
      random() < 0.7 ? (fitting[name] ?? pick(known)) : pick(random() < 0.5 ? known : hostile);
    const named = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(nameFor(name)) || "x");
    const accept = pick(["application/json", "application/json", "*/*", "application/x-ndjson", "text/csv"]) ?? "";
    const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
    const payload = body === undefined ? undefined : JSON.stringify(make(body) ?? null);
    const answer = await api.server.inject({
      method: method.toUpperCase() as "GET",
      url: query.length === 0 ? named : `${named}?${query.join("&")}`,
      headers: {
        authorization: `Bearer ${key}`,
        accept,
        ...(payload !== undefined && { "content-type": "application/json" }),
      },
      ...(payload !== undefined && { payload }),
    });
    const seen = statuses.get(operation.operationId) ?? new Set();
    statuses.set(operation.operationId, seen.add(answer.statusCode));
    const problem = problemIn(
      answer,
      operation,
      (pointer, data) => {
        const validate = validators.get(pointer) ?? ajv.getSchema(`api#${pointer}`);
        if (validate !== undefined) validators.set(pointer, validate);
        return validate?.(data) === true ? undefined : ajv.errorsText(validate?.errors ?? null);
      },
      `/paths/${path.replaceAll("/", "~1").replaceAll("{", "%7B").replaceAll("}", "%7D")}/${method}`,
    );
    if (problem !== undefined)
      wrong.push(`${method} ${named} ${query.join("&")} ${payload ?? ""}: ${problem}`.slice(0, 600));
  }
  expect(wrong.slice(0, 10)).toEqual([]);
  // Each was also asked in a way that it answers.
  const never = [...statuses].filter(([name, seen]) => !seen.has(200) && !neverGood.has(name)).map(([name]) => name);
  expect(never).toEqual([]);
});

/** Takes a key, or names that belong together, which a request made up at random seldom has. */
const neverGood = new Set(["login", "listDrift", "approveDeletion", "rejectDeletion", "startBackfill"]);

type Answered = { statusCode: number; headers: { [name: string]: unknown }; body: string };
type Check = (pointer: string, data: unknown) => string | undefined;

function problemIn(
  { statusCode, headers, body }: Answered,
  operation: Operation,
  check: Check,
  at: string,
): string | undefined {
  if (statusCode >= 500) return `answered ${statusCode} ${body}`;
  const type = String(headers["content-type"]).replace(/;.*$/, "");
  const status = statusCode === 200 ? "200" : "default";
  const content = operation.responses[status]?.content ?? {};
  if (!(type in content)) return `answered ${statusCode} as ${type}`;
  if (!type.includes("json") || type.includes("ndjson")) return undefined;
  return check(
    `${at}/responses/${status}/content/${type.replaceAll("/", "~1").replaceAll("+", "%2B")}/schema`,
    JSON.parse(body),
  );
}
