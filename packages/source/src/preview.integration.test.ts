import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { expect, test } from "vitest";
import { z } from "zod";
import { bearer } from "./auth.ts";
import { defineSource, defineStream } from "./define-source.ts";
import type { Source, Stream } from "./model.ts";
import { type Asked, previewPage } from "./preview.ts";

const signal = new AbortController().signal;

function shopAt(baseUrl: string): { source: Source; stream: Stream } {
  const definition = defineSource({
    name: "shop",
    baseUrl,
    auth: bearer("s3cret"),
    headers: { "x-tenant": "acme-hidden" },
    streams: {
      orders: defineStream({
        path: "/orders",
        query: { state: "all", api_key: "hidden-too" },
        records: "data",
        schema: z.object({ id: z.int(), total: z.number(), state: z.string(), at: z.iso.datetime() }),
        output: z.object({ id: z.int(), total: z.number() }),
        transform: ({ id, total, state }) => (state === "draft" ? null : { id, total }),
        key: "id",
      }),
    },
  });
  const configured = definition.configure({});
  if (!configured.isConfigured) throw new Error("not configured");
  const stream = configured.source.streams["orders"];
  if (stream === undefined) throw new Error("no stream");
  return { source: configured.source, stream };
}

const order = (id: number) => ({ id, total: 1.5, state: "paid", at: "2026-01-01T00:00:00Z" });

test("a page comes transformed, with every field that does not fit of every record, and what was filtered", async () => {
  const records = [order(1), { ...order(2), total: "dear", at: null }, { ...order(3), state: "draft" }, order(4)];
  await using api = await startLoopbackServer((_, response) =>
    sendJson(response, 200, JSON.stringify({ data: records })),
  );
  const { source, stream } = shopAt(api.url);
  const { records: good, filtered, problems, page } = await previewPage(source, stream, { signal });
  expect(good.map(({ data }) => data)).toEqual([
    { id: 1, total: 1.5 },
    { id: 4, total: 1.5 },
  ]);
  expect({ filtered, fetched: page.items.length }).toEqual({ filtered: 1, fetched: 4 });
  expect(problems).toEqual([
    { index: 1, key: "2", code: "RECORD_INVALID", path: "total", expected: "number", received: 'string "dear"' },
    { index: 1, key: "2", code: "RECORD_INVALID", path: "at", expected: "string", received: "null" },
  ]);
  expect((await previewPage(source, stream, { signal, limit: 1 })).records).toHaveLength(1);
});

test("the request is shown as it went out, but for what may be a secret", async () => {
  await using api = await startLoopbackServer((request, response) =>
    sendJson(response, request.headers.authorization === "Bearer s3cret" ? 200 : 401, '{"data":[]}'),
  );
  const { source, stream } = shopAt(api.url);
  const { requests } = await previewPage(source, stream, { signal });
  expect(requests).toHaveLength(1);
  expect(requests[0]).toMatchObject({
    method: "GET",
    url: `${api.url}/orders?state=all&api_key=[concealed]`,
    headers: { accept: "application/json", authorization: "[concealed]", "x-tenant": "[concealed]" },
  });
  expect(JSON.stringify(requests)).not.toMatch(/s3cret|hidden/);
});

test("the request of a page that could not be fetched is known as well", async () => {
  await using api = await startLoopbackServer((_, response) => sendJson(response, 401, '{"error":"no"}'));
  const { source, stream } = shopAt(api.url);
  const asked: Asked = { requests: [] };
  await expect(previewPage(source, stream, { signal }, asked)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  expect(asked.requests.map(({ method }) => method)).toEqual(["GET"]);
});
