import { previewPage } from "@penstock/source/preview";
import { streamReader } from "@penstock/source/read-stream";
import { type LoopbackServer, sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { afterEach, expect, test } from "vitest";
import stripe from "./stripe.ts";

/*
 * The server behaves as the documentation says: newest first, `limit`, `starting_after`, `created[gte]`, `has_more`. No answer
 * of the real API was recorded for this.
 */

const firstSecond = 1_767_225_600;
/** Newest first; three share each second. */
const charges = Array.from({ length: 250 }, (_, i) => ({
  id: `ch_${250 - i}`,
  object: "charge",
  amount: 1_250,
  amount_refunded: 0,
  currency: "eur",
  customer: i % 2 === 0 ? "cus_1" : null,
  description: null,
  status: "succeeded",
  paid: true,
  refunded: false,
  disputed: false,
  failure_code: null,
  livemode: false,
  created: firstSecond + Math.floor((250 - i) / 3) * 86_400,
}));
const customers = [
  { id: "cus_1", object: "customer", email: "ann@example.com", name: null, livemode: false, created: firstSecond },
];
const events = [
  {
    id: "evt_1",
    object: "event",
    type: "charge.refunded",
    data: { object: { id: "ch_1", object: "charge", refunded: true }, previous_attributes: { refunded: false } },
    livemode: false,
    created: firstSecond,
  },
];
const lists: Record<string, { id: string; created: number }[]> = {
  "/v1/charges": charges,
  "/v1/customers": customers,
  "/v1/events": events,
};

let api: LoopbackServer & { queries: URLSearchParams[] };
afterEach(() => api.close());

async function startStripe(): Promise<void> {
  const queries: URLSearchParams[] = [];
  const server = await startLoopbackServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://loopback");
    queries.push(searchParams);
    if (request.headers.authorization !== "Bearer sk_test_s3cret") {
      return sendJson(
        response,
        401,
        '{"error":{"type":"invalid_request_error","message":"Invalid API Key provided: sk_****cret"}}',
      );
    }
    const from = Number(searchParams.get("created[gte]") ?? 0);
    const matching = (lists[pathname] ?? []).filter(({ created }) => created >= from);
    const start = matching.findIndex(({ id }) => id === searchParams.get("starting_after")) + 1;
    const data = matching.slice(start, start + Number(searchParams.get("limit") ?? 10));
    const isMore = start + data.length < matching.length;
    return sendJson(response, 200, JSON.stringify({ object: "list", url: pathname, has_more: isMore, data }));
  });
  api = Object.assign(server, { queries });
}

const env = (key = "sk_test_s3cret") => ({ STRIPE_API_KEY: key, STRIPE_URL: `${api.url}/v1` });
const signal = new AbortController().signal;

test("every charge is read, page by page after the last one seen", async () => {
  await startStripe();
  const { items, pages, end } = await streamReader(stripe, "charges", env()).read(null);
  expect({ ids: new Set(items.map((item) => JSON.stringify(item))).size, pages, end }).toEqual({
    ids: 250,
    pages: 3,
    end: "end",
  });
  expect(api.queries.map((query) => query.get("starting_after"))).toEqual([null, "ch_151", "ch_51"]);
});

test("a later run asks for what was created since, all of the bound's second included", async () => {
  await startStripe();
  const bound = new Date((firstSecond + 60 * 86_400) * 1_000).toISOString();
  const { items } = await streamReader(stripe, "charges", env()).read(bound);
  const expected = charges.filter(({ created }) => created * 1_000 >= Date.parse(bound));
  for (const charge of expected) expect(items).toContainEqual(charge);
  expect(api.queries[0]?.get("created[gte]")).toMatch(/^\d{10}$/);
});

test.each([
  ["charges", { id: "ch_250", amount: 1_250, customer: "cus_1", created: "2026-03-25T00:00:00.000Z" }],
  ["customers", { id: "cus_1", email: "ann@example.com", name: null, delinquent: false }],
  ["events", { id: "evt_1", type: "charge.refunded", object_type: "charge", object_id: "ch_1" }],
])("%s fit schema and output", async (name, expected) => {
  await startStripe();
  const { source, stream } = streamReader(stripe, name, env());
  const { records, problems } = await previewPage(source, stream, { signal });
  expect(problems).toEqual([]);
  expect(records[0]?.data).toMatchObject(expected);
});

test("a wrong key is a refusal that shows none of it", async () => {
  await startStripe();
  const error = await streamReader(stripe, "charges", env("sk_live_wrong"))
    .read(null)
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "UNAUTHORIZED" });
  expect(String(error)).not.toContain("sk_live_wrong");
  expect(stripe.configure({})).toEqual({ isConfigured: false, problems: ["STRIPE_API_KEY is not set"] });
});
