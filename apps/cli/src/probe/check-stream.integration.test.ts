import { defineSource, defineStream, type StreamDefinition } from "@penstock/source/define-source";
import { offset } from "@penstock/source/paginators/offset";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { expect, test } from "vitest";
import { z } from "zod";
import { checkStream } from "./check-stream.ts";

const record = (id: number) => ({ id, group: id % 2, at: new Date(Date.UTC(2026, 0, 1, 0, id)).toISOString() });
const fifty = Array.from({ length: 50 }, (_, id) => record(id));

type Answer = (query: URLSearchParams) => { status?: number; body: unknown };

/** What the check finds, as `check: outcome`, with what it says. */
async function findings(
  answer: Answer,
  streams: Record<string, StreamDefinition>,
  name = Object.keys(streams)[0] ?? "",
) {
  await using api = await startLoopbackServer((request, response) => {
    const { status = 200, body } = answer(new URL(request.url ?? "/", "http://loopback").searchParams);
    sendJson(response, status, typeof body === "string" ? body : JSON.stringify(body));
  });
  const configured = defineSource({ name: "shop", baseUrl: api.url, streams }).configure({});
  if (!configured.isConfigured) throw new Error("not configured");
  const stream = configured.source.streams[name];
  if (stream === undefined) throw new Error(`no stream ${name}`);
  const found = await checkStream(configured.source, stream, { signal: new AbortController().signal });
  return new Map(found.map(({ check, ...rest }) => [check, rest]));
}

const schema = z.object({ id: z.int(), group: z.int(), at: z.iso.datetime() });
const orders = { path: "/orders", schema, key: "id", cursor: { field: "at" }, order: "asc" } as const;
const paged = (query: URLSearchParams) => {
  const start = Number(query.get("offset"));
  return { body: fifty.slice(start, start + Number(query.get("limit"))) };
};

test("a stream that is as defined has nothing but good findings", async () => {
  const found = await findings(paged, { orders: defineStream({ ...orders, paginator: offset({ pageSize: 20 }) }) });
  expect([...found].map(([check, { outcome }]) => `${check}: ${outcome}`)).toEqual([
    "reachable, request accepted: ok",
    "records found: ok",
    "records valid: ok",
    "key present and unique: ok",
    "cursor usable: ok",
    "order as declared: ok",
    "next page: ok",
  ]);
  expect(found.get("next page")?.detail).toBe("brings 19 new records");
});

test.each([
  ["auth", { status: 401, body: {} }],
  ["request accepted", { status: 404, body: {} }],
  ["request accepted", { body: "<html>" }],
  ["records found", { body: { data: [] } }],
])("what is wrong comes with a remedy: %s", async (check, answer) => {
  const found = await findings(() => answer, { orders: defineStream(orders) });
  expect(found.get(check)).toMatchObject({ outcome: "failed", remedy: expect.stringMatching(/./) });
});

test("an order, a key and a cursor that are not as declared are found out", async () => {
  const shared = await findings(() => ({ body: fifty }), { orders: defineStream({ ...orders, key: "group" }) });
  expect(shared.get("key present and unique")).toMatchObject({
    outcome: "failed",
    detail: "different records share the key 0 (group)",
  });
  const lacking = defineStream({ ...orders, cursor: { field: "updated" } });
  expect((await findings(() => ({ body: fifty }), { lacking })).get("cursor usable")?.outcome).toBe("failed");
  const descending = await findings(() => ({ body: fifty }), { orders: defineStream({ ...orders, order: "desc" }) });
  expect(descending.get("order as declared")).toMatchObject({
    outcome: "failed",
    detail: "declared desc, and the page is sorted oldest first",
  });
});

test("records that do not fit are a warning while they are few", async () => {
  const broken = (count: number) => fifty.map((item) => (item.id < count ? { ...item, group: "x" } : item));
  const outcomeFor = async (count: number) =>
    (await findings(() => ({ body: broken(count) }), { orders: defineStream(orders) })).get("records valid")?.outcome;
  expect([await outcomeFor(2), await outcomeFor(40)]).toEqual(["warning", "failed"]);
});

test("an API that ignores the paging parameters is found out", async () => {
  const stream = defineStream({ ...orders, paginator: offset({ pageSize: 20 }) });
  const found = await findings(() => ({ body: fifty.slice(0, 20) }), { stream });
  expect(found.get("next page")).toMatchObject({
    outcome: "failed",
    detail: expect.stringContaining("repeats the first"),
  });
});

test("an empty collection leaves the rest open, and fails nothing", async () => {
  const found = await findings(() => ({ body: [] }), { orders: defineStream(orders) });
  expect(found.get("records found")?.outcome).toBe("unknown");
  expect([...found.values()].filter(({ outcome }) => outcome === "failed")).toEqual([]);
});

test("a child stream is checked with the first record of its parent", async () => {
  const child = defineStream({
    ...orders,
    parent: { stream: "orders", fields: z.object({ id: z.int() }) },
    query: { of: "{id}" },
    output: schema,
    transform: (item) => item,
  });
  const asked: (string | null)[] = [];
  const answer: Answer = (query) => {
    asked.push(query.get("of"));
    return { body: fifty.slice(7) };
  };
  const found = await findings(answer, { orders: defineStream(orders), child }, "child");
  expect(found.get("records valid")?.outcome).toBe("ok");
  expect(asked).toEqual([null, "7"]);
});
