import { afterEach, expect, test } from "vitest";
import type { Paging } from "./paging.ts";
import { createSimulator, type Simulator, type SimulatorOptions } from "./simulator.ts";
import { nextUrls, walk } from "./walk.ts";

let api: Simulator | undefined;
afterEach(() => api?.close());

async function start(paging: Paging, options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  api = await createSimulator({ streams: { data: { records: 257, paging } }, ...options });
  return api;
}

const pagings: Paging[] = [
  { kind: "next-link", pageSize: 10 },
  { kind: "next-url", pageSize: 10 },
  { kind: "body-token", pageSize: 10 },
  { kind: "header-token", pageSize: 10 },
  { kind: "page-number", pageSize: 10 },
  { kind: "offset", pageSize: 10 },
  { kind: "keyset", since: "exclusive", pageSize: 10 },
  { kind: "has-more", pageSize: 10 },
  { kind: "window" },
  { kind: "none" },
];

test.each(pagings)("$kind: a plain walk sees each record once", async (paging) => {
  const { url, requests, reference } = await start(paging);
  const seen = await walk(`${url}/data`, nextUrls[paging.kind]);
  expect(seen).toEqual(reference("data"));
  if (paging.kind !== "window" && paging.kind !== "none") expect(requests.length).toBeGreaterThan(25);
});

test("since inclusive gives the boundary again, and a cap cuts what limit asks for", async () => {
  const { url } = await start({ kind: "keyset", since: "inclusive", cap: 3 });
  const [first] = await walk(`${url}/data`, nextUrls.none);
  const again = await walk(`${url}/data?limit=50&since=${String(first?.["ts"])}`, nextUrls.none);
  expect(again).toHaveLength(3);
  expect(again[0]).toEqual(first);
});

test("a window ends before its end, so that windows neither overlap nor leave gaps", async () => {
  const { url, reference } = await start({ kind: "window" });
  const edges = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:20Z", "2026-01-01T00:01:00Z", "2026-01-02T00:00:00Z"];
  const windows = edges.slice(1).map((to, i) => `${url}/data?from=${edges[i]}&to=${to}`);
  const seen = await Promise.all(windows.map((window) => walk(window, nextUrls.none)));
  expect(seen.flat()).toEqual(reference("data"));
  expect(seen.map(({ length }) => length)).toEqual([80, 160, 17]);
});

test("newest first, totals, the body itself as the array, POST with a body", async () => {
  api = await createSimulator({
    streams: {
      newest: { records: 30, order: "desc", recordsAt: "", paging: { kind: "next-link", pageSize: 7 } },
      deep: { records: 5, recordsAt: "result.rows", paging: { kind: "offset", withTotal: true } },
    },
  });
  expect(await walk(`${api.url}/newest`, nextUrls["next-link"])).toEqual(api.reference("newest").reverse());
  const headers = { "content-type": "application/json" };
  const asked = await fetch(`${api.url}/deep`, { method: "POST", headers, body: '{"offset":3,"limit":9}' });
  expect(await asked.json()).toEqual({ total: 5, result: { rows: api.reference("deep").slice(3) } });
  expect(api.requests.at(-1)).toMatchObject({ method: "POST", body: '{"offset":3,"limit":9}', given: 2 });
});

test("children stand below their parent's path", async () => {
  const records = Array.from({ length: 6 }, (_, i) => ({ id: i, ts: i, order: i % 2 === 0 ? "a b" : "c" }));
  api = await createSimulator({
    streams: { items: { path: "/orders/:order/items", records, paging: { kind: "next-link", pageSize: 2 } } },
  });
  const seen = await walk(`${api.url}/orders/a%20b/items`, nextUrls["next-link"]);
  expect(seen.map(({ id }) => id)).toEqual([0, 2, 4]);
  expect(await walk(`${api.url}/orders/none/items`, nextUrls["next-link"])).toEqual([]);
  expect((await fetch(`${api.url}/orders`)).status).toBe(404);
});

test.each(["limit=0", "limit=x", "offset=-1"])("%s is refused", async (query) => {
  const { url } = await start({ kind: "offset" });
  expect((await fetch(`${url}/data?${query}`)).status).toBe(400);
});

test("changes while paged: tokens lose nothing, offsets lose a record", async () => {
  const changes = [{ beforeRequest: 3, change: ({ data }: Simulator["streams"]) => data?.remove("rec-0000001") }];
  const byToken = await start({ kind: "body-token", pageSize: 10 }, { changes });
  expect(await walk(`${byToken.url}/data`, nextUrls["body-token"])).toHaveLength(257);
  await byToken.close();
  const byOffset = await start({ kind: "offset", pageSize: 10 }, { changes });
  const seen = await walk(`${byOffset.url}/data`, nextUrls.offset);
  expect(seen.map(({ id }) => id)).not.toContain("rec-0000030");
  expect(byOffset.reference("data").map(({ id }) => id)).toContain("rec-0000030");
  expect([...(byOffset.streams["data"]?.removed() ?? [])]).toEqual(["rec-0000001"]);
});

test("churn is the same for the same seed", async () => {
  const churn = { seed: 3, insert: 0.3, update: 0.5, remove: 0.1 };
  const passes: unknown[] = [];
  for (const _ of [1, 2]) {
    const { url, reference, close } = await start({ kind: "next-link", pageSize: 10 }, { churn });
    await walk(`${url}/data`, nextUrls["next-link"]);
    passes.push(reference("data"));
    await close();
  }
  expect(passes[0]).toEqual(passes[1]);
  expect(passes[0]).not.toHaveLength(257);
});
