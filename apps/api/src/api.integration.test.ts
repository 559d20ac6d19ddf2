import type { LiveEvent } from "@penstock/api-contract/events";
import { pagesFor } from "@penstock/store/page-of";
import { createSpanRecorder, otlpProcessor } from "@penstock/telemetry/otlp-traces";
import { createTraces } from "@penstock/telemetry/traces";
import { startOtlpReceiver } from "@penstock/testing/otlp-receiver";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestApi, type TestApi } from "./test-api.ts";

type Answer = { items: { key: string; id: string; action: string; actor: string }[]; next: string | null };

describe("the HTTP API", () => {
  const stack = new AsyncDisposableStack();
  let api: TestApi;
  let authorization: string;

  beforeAll(async () => {
    api = await openTestApi(stack);
    authorization = `Bearer ${(await api.key("admin")).key}`;
  });
  afterAll(() => stack.disposeAsync());

  const get = (url: string, headers: Record<string, string> = {}) =>
    api.server.inject({ method: "GET", url, headers: { authorization, ...headers } });
  const post = (url: string, payload: object, headers: Record<string, string> = { authorization }) =>
    api.server.inject({ method: "POST", url, payload, headers });

  describe("records", () => {
    test("page by page, each once, however large the pages", async () => {
      for (const limit of [7, 120, 1_000]) {
        const keys: string[] = [];
        for (let next: string | null = ""; next !== null; ) {
          const answer: Answer = (await get(`/v1/records?limit=${limit}${next && `&after=${next}`}`)).json();
          keys.push(...answer.items.map(({ key }) => key));
          next = answer.next;
        }
        expect(keys).toHaveLength(120);
        expect(new Set(keys).size).toBe(120);
      }
    });

    test("as JSON lines and as CSV, all of them", async () => {
      const lines = (await get("/v1/records", { accept: "application/x-ndjson" })).body.trimEnd().split("\n");
      expect(lines.map((line) => JSON.parse(line).key)).toHaveLength(120);
      const url = "/v1/records?source=scripted&stream=s0&fields=value&where=value:contains:quoted";
      const csv = (await get(url, { accept: "text/csv" })).body.trimEnd().split("\r\n");
      expect(csv[0]).toBe("source,stream,key,ts,revision,updatedAt,deletedAt,value");
      expect(csv[1]).toMatch(/^scripted,s0,k0-00,,1,[^,]+,,"text, ""quoted"" 0"$/);
      expect(csv).toHaveLength(121);
    });

    test("one has its lineage; one that is not there is 404 as a problem", async () => {
      const found = (await get("/v1/records/scripted/s0/k1-07")).json();
      expect(found).toMatchObject({ lineage: { runId: api.runId, seq: 1 }, history: [{ kind: "first-seen", seq: 1 }] });
      const missing = await get("/v1/records/scripted/s0/nobody");
      expect(missing.headers["content-type"]).toContain("application/problem+json");
      expect(missing.json()).toMatchObject({ status: 404, code: "ADDRESS_UNKNOWN" });
    });

    test("what cannot be asked says where it is wrong", async () => {
      const { errors } = (await get("/v1/records?limit=0&colour=red")).json();
      expect(errors).toContainEqual(expect.objectContaining({ path: "limit" }));
      const text = { authorization, "content-type": "text/plain" };
      const { detail } = (
        await api.server.inject({ method: "POST", url: "/v1/runs", payload: "x", headers: text })
      ).json();
      expect(detail).toMatch(/^Invalid input/);
      const wrong = ["order=ts", "stream=s0", "after=bm9uZQ", "where=a:lt:true", "where=a:exists:maybe"];
      for (const query of wrong) expect([query, (await get(`/v1/records?${query}`)).statusCode]).toEqual([query, 400]);
    });
  });

  test("what the caller has already is not sent again", async () => {
    const first = await get("/v1/records?limit=5");
    const etag = String(first.headers["etag"]);
    const again = await get("/v1/records?limit=5", { "if-none-match": etag });
    expect([again.statusCode, again.body]).toEqual([304, ""]);
    expect((await get("/v1/records?limit=6", { "if-none-match": etag })).statusCode).toBe(200);
  });

  test("a refusal and what was done are told each time, also to who has the same answer already", async () => {
    const twice = async (ask: (headers: Record<string, string>) => ReturnType<typeof get>) => {
      const first = await ask({});
      const again = await ask({ "if-none-match": String(first.headers["etag"]) });
      expect(again.body).toBe(first.body);
      return [first.statusCode, again.statusCode];
    };
    expect(await twice((headers) => get("/v1/runs/none", headers))).toEqual([404, 404]);
    expect(await twice((headers) => get("/v1/runs", { ...headers, authorization: "Bearer none" }))).toEqual([401, 401]);
    const dry = { ids: [api.letterId], dryRun: true };
    const discard = (headers: Record<string, string>) =>
      post("/v1/dead-letters/discard", dry, { authorization, ...headers });
    expect(await twice(discard)).toEqual([200, 200]);
  });

  test("pause, run, cancel and redrive do what the commands do, and the audit log says who", async () => {
    const stream = "/v1/streams/scripted/s1";
    expect((await post(`${stream}/pause`, { reason: "test" })).json()).toMatchObject({ isPaused: true });
    const run = { source: "scripted", stream: "s1" };
    expect((await post("/v1/runs", run)).json()).toMatchObject({ status: 409, code: "STREAM_PAUSED" });
    expect((await post(`${stream}/resume`, {})).json()).toMatchObject({ isPaused: false });
    const started = (await post("/v1/runs", { ...run, reason: "asked for" })).json();
    expect(started).toMatchObject({ isNew: true, run: { status: "running" } });
    expect((await post("/v1/runs", run)).json()).toMatchObject({ isNew: false, run: { id: started.run.id } });
    expect((await post(`/v1/runs/${started.run.id}/cancel`, {})).json()).toMatchObject({ status: "cancelled" });
    const choice = { ids: [api.letterId] };
    expect((await post("/v1/dead-letters/redrive", { ...choice, dryRun: true })).json()).toMatchObject({
      matched: 1,
      done: 0,
    });
    expect((await api.store.readLetter(api.letterId))?.status).toBe("open");
    const because = { ...choice, reason: "the API is mended" };
    expect((await post("/v1/dead-letters/redrive", because)).json()).toMatchObject({ matched: 1, done: 1 });
    expect((await api.store.readLetter(api.letterId))?.status).toBe("redriving");
    for (const all of [{}, { reason: "tidy", limit: 1 }])
      expect((await post("/v1/dead-letters/discard", all)).statusCode).toBe(400);
    const { items }: Answer = (await get("/v1/audit")).json();
    const done = items.filter(({ actor }) => actor.startsWith("api:")).map(({ action }) => action);
    expect(done).toEqual(["letters.redrive", "run.cancel", "run.start", "resume", "pause"]);
    const redriven = { target: "scripted.s0", reason: "the API is mended", details: { letters: 1 } };
    expect(items[0]).toMatchObject(redriven);
    expect(items.find(({ action }) => action === "run.start")).toMatchObject({ reason: "asked for" });
  });

  test("what every object has is the name of no stream, and of no field", async () => {
    const name = { source: "scripted", stream: "constructor" };
    const span = { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" };
    expect((await post("/v1/runs", name)).json()).toMatchObject({ status: 404, code: "SOURCE_UNKNOWN" });
    expect((await post("/v1/backfills", { ...name, ...span })).json()).toMatchObject({ code: "SOURCE_UNKNOWN" });
    const csv = await get("/v1/records?source=scripted&stream=s0&fields=constructor", { accept: "text/csv" });
    expect(csv.body).not.toContain("native code");
  });

  test("backfills are told with their windows, and cancelled once; a stream that cannot be backfilled says why", async () => {
    const path = `/v1/backfills/${api.backfillId}`;
    const windows = { total: 2, done: 0, running: 0, failed: 0 };
    expect((await get("/v1/backfills")).json().items).toMatchObject([
      { id: api.backfillId, status: "running", windows },
    ]);
    expect((await get(path)).json()).toMatchObject({ from: "2026-01-01T00:00:00.000Z", remainingMs: null });
    expect((await post(`${path}/cancel`, { reason: "wrong span" })).json()).toMatchObject({ status: "cancelled" });
    expect((await post(`${path}/cancel`, {})).json()).toMatchObject({ status: "cancelled" });
    expect((await get("/v1/backfills/none")).statusCode).toBe(404);
    const span = { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" };
    const refused = await post("/v1/backfills", { source: "scripted", stream: "s0", ...span });
    expect(refused.json()).toMatchObject({ status: 409, code: "BACKFILL_IMPOSSIBLE" });
    const unknown = await post("/v1/backfills", { source: "scripted", stream: "nothing", ...span });
    expect(unknown.json()).toMatchObject({ status: 404, code: "SOURCE_UNKNOWN" });
  });

  test("what full runs found gone waits for a decision, which is made once", async () => {
    const deletions = { brake: { kind: "count", most: 0 }, isTransformed: false } as const;
    for (const keys of [["a", "b"], ["a"], ["a"]]) {
      const stream = { source: "scripted", stream: "s1", partition: "live" };
      const { run } = await api.store.startRun({ ...stream, mode: "full", takeOver: "any" });
      const last = { isLast: true, cursorOut: null, observedAt: await api.store.now() };
      await api.store.commitPage(pagesFor(api.store.dialect)(run, { keys, ...last, deletions }));
      await api.store.settleDeletions();
    }
    const [found, ...others] = (await get("/v1/deletions")).json().items;
    expect(found).toMatchObject({ source: "scripted", stream: "s1", records: 1, share: 0.5, sample: ["b"] });
    expect(others).toEqual([]);
    const operator = { authorization: `Bearer ${(await api.key("operate")).key}` };
    expect((await post(`/v1/deletions/${found.id}/approve`, {}, operator)).statusCode).toBe(403);
    expect((await post("/v1/deletions/none/approve", {})).statusCode).toBe(404);
    const approved = await post(`/v1/deletions/${found.id}/approve`, { reason: "sold" });
    expect(approved.statusCode, approved.body).toBe(200);
    expect((await post(`/v1/deletions/${found.id}/reject`, {})).json()).toMatchObject({
      status: 409,
      code: "DELETION_SETTLED",
    });
    expect((await get("/v1/deletions")).json().items).toEqual([]);
    await api.store.settleDeletions();
    expect((await get("/v1/records/scripted/s1/b")).json()).toMatchObject({ deletedAt: expect.any(String) });
    const [entry] = (await get("/v1/audit?limit=1")).json().items;
    expect(entry).toMatchObject({ action: "deletions.approve", target: found.id, reason: "sold" });
  });

  describe("a browser", () => {
    const login = async () => {
      const { key, id } = await api.key("operate");
      const answer = await post("/v1/session", { key }, { "sec-fetch-site": "same-origin" });
      return { id, answer, cookie: String(answer.headers["set-cookie"]).split(";")[0] ?? "" };
    };
    const pause = "/v1/streams/scripted/s0/pause";

    test("gets a cookie that no script reads and no other site sends", async () => {
      const { answer, cookie } = await login();
      expect(answer.headers["set-cookie"]).toMatch(/HttpOnly; SameSite=Strict/);
      const session = await get("/v1/session", { authorization: "", cookie });
      expect(session.statusCode).toBe(200);
      const asked = await api.server.inject({ url: "/v1/session", headers: { cookie } });
      expect(asked.json()).toMatchObject({ caller: { kind: "session", scope: "operate" } });
    });

    test("changes nothing from the page of another site", async () => {
      const { cookie } = await login();
      const foreign = [
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
        { origin: "https://evil.example" },
        { origin: "null" },
      ];
      for (const headers of foreign) {
        const { statusCode, body } = await post(pause, {}, { cookie, ...headers });
        expect([headers, statusCode, JSON.parse(body).code]).toEqual([headers, 403, "SITE_REFUSED"]);
      }
      expect((await post(pause, {}, { cookie, "sec-fetch-site": "same-origin" })).statusCode).toBe(200);
    });

    test("is out at once when it logs out; when its key is revoked, it acts no more, and reads no more within a second", async () => {
      const [one, other] = [await login(), await login()];
      const read = async (cookie: string) =>
        (await api.server.inject({ url: "/v1/streams", headers: { cookie } })).statusCode;
      expect([await read(one.cookie), await read(other.cookie)]).toEqual([200, 200]);
      await api.server.inject({ method: "DELETE", url: "/v1/session", headers: { cookie: one.cookie } });
      await api.store.access.revokeKey(other.id, { actor: "test", reason: null });
      expect(await read(one.cookie)).toBe(401);
      expect((await post(pause, {}, { cookie: other.cookie, "sec-fetch-site": "same-origin" })).statusCode).toBe(401);
      const isOut = async () => (await read(other.cookie)) === 401;
      await waitUntil(isOut, { what: "a revoked key to be noticed", timeoutMs: 2_000 });
    });
  });

  test("other sites may read nothing, and the page may load from nowhere else", async () => {
    const { headers } = await get("/v1/streams", { origin: "https://evil.example" });
    expect(headers["access-control-allow-origin"]).toBeUndefined();
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(policy).not.toContain("http");
  });
});

test("without any key it is open to this machine under its own names, until there is one", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, key } = await openTestApi(stack, { mayBeOpen: true });
  const ask = async (host: string) => (await server.inject({ url: "/v1/streams", headers: { host } })).statusCode;
  expect([await ask("127.0.0.1:9470"), await ask("localhost"), await ask("evil.example")]).toEqual([200, 200, 403]);
  const { id } = await key("read");
  expect(await ask("127.0.0.1:9470")).toBe(401);
  expect(id).toHaveLength(12);
});

test("one caller may ask so often in a minute, with a key or without one, and nobody else suffers for it", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, key } = await openTestApi(stack, { maxPerMinute: 5 });
  const [one, other] = [(await key("read")).key, (await key("read")).key];
  const ask = async (url: string, bearer?: string) =>
    await server.inject({ url, headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` } });
  const statuses = async (url: string, bearer?: string) => {
    const answers: number[] = [];
    for (let i = 0; i < 6; i++) answers.push((await ask(url, bearer)).statusCode);
    return answers;
  };
  expect(await statuses("/v1/streams", one)).toEqual([200, 200, 200, 200, 200, 429]);
  // Guesses are counted as well: of keys, and of addresses.
  expect(await statuses("/v1/streams", "penstock_guess")).toEqual([401, 401, 401, 401, 401, 429]);
  expect((await ask("/v1/nowhere")).statusCode).toBe(429);
  const refused = await ask("/v1/streams", one);
  expect(refused.json()).toMatchObject({ status: 429, code: "TOO_MANY_REQUESTS" });
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  expect((await ask("/v1/streams", other)).statusCode).toBe(200);
});

test("live state is told whole, then what changes", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, store, key } = await openTestApi(stack);
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  const stop = new AbortController();
  const headers = { authorization: `Bearer ${(await key("read")).key}` };
  const response = await fetch(`${address}/v1/events`, { headers, signal: stop.signal });
  let told = "";
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const readUntil = async (part: string) => {
    while (!told.includes(part)) told += (await reader?.read())?.value ?? "";
  };
  await readUntil("event: letters");
  expect(told).toContain('"isPaused":false');
  told = "";
  await store.setPaused("scripted", "s1", true, { actor: "test", reason: null });
  await readUntil('"health":"paused"');
  stop.abort();
});

test("who is slow to hear how everything stands is told what changes meanwhile", async () => {
  await using stack = new AsyncDisposableStack();
  const { store, hub } = await openTestApi(stack);
  const stop = new AbortController();
  const until = async (events: AsyncGenerator<readonly LiveEvent[]>, part: string) => {
    for await (const told of events)
      for (const event of told) if (JSON.stringify(event).includes(part)) return event.type;
    return "nothing";
  };
  const slow = hub.follow(stop.signal);
  await slow.next();
  const quick = hub.follow(stop.signal);
  await quick.next();
  const paused = until(quick, '"health":"paused"');
  await store.setPaused("scripted", "s1", true, { actor: "test", reason: null });
  expect(await paused).toBe("streams");
  expect(await until(slow, '"health":"paused"')).toBe("streams");
  stop.abort();
}, 10_000);

test("who follows events is cut off when the key that let them is revoked", async () => {
  await using stack = new AsyncDisposableStack();
  const { server, store, key } = await openTestApi(stack, { beatMs: 100 });
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  const follow = async (authorization: string) => {
    const response = await fetch(`${address}/v1/events`, { headers: { authorization } });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let told = "";
    const readUntil = async (part: string) => {
      while (!told.includes(part)) {
        const { value, done } = (await reader?.read()) ?? { done: true };
        if (done) return "ended";
        told += value;
      }
      return "told";
    };
    return { readUntil, stop: () => reader?.cancel() };
  };
  const [revoked, other] = [await key("read"), await key("read")];
  const cutOff = await follow(`Bearer ${revoked.key}`);
  const staying = await follow(`Bearer ${other.key}`);
  expect(await cutOff.readUntil(": still here")).toBe("told");
  await store.access.revokeKey(revoked.id, { actor: "test", reason: null });
  expect(await cutOff.readUntil("nothing like it")).toBe("ended");
  await store.setPaused("scripted", "s1", true, { actor: "test", reason: null });
  expect(await staying.readUntil('"health":"paused"')).toBe("told");
  await staying.stop();
}, 20_000);

test("all who come to listen are told how everything stands by one look", async () => {
  await using stack = new AsyncDisposableStack();
  const { hub } = await openTestApi(stack);
  const stop = new AbortController();
  const first = (await hub.follow(stop.signal).next()).value;
  const others = await Promise.all(Array.from({ length: 5 }, () => hub.follow(stop.signal).next()));
  // One list: read once, and written once.
  expect(others.map(({ value }) => value === first)).toEqual([true, true, true, true, true]);
  stop.abort();
});

test("a request is a span of the trace that its caller began, and named by its route", async () => {
  await using stack = new AsyncDisposableStack();
  const collector = stack.use(await startOtlpReceiver());
  const processor = otlpProcessor({ url: collector.url, headers: {}, serviceName: "api" });
  const traces = createTraces(createSpanRecorder({ sample: 0, processor, serviceName: "api" }));
  const { server, key } = await openTestApi(stack, { traces });
  const headers = { authorization: `Bearer ${(await key("read")).key}` };
  const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  const ask = (traceparent: string) =>
    server.inject({ url: "/v1/runs?source=secret", headers: { ...headers, traceparent } });
  expect((await ask(`00-${traceId}-${spanId}-01`)).statusCode).toBe(200);
  expect((await ask("nonsense")).statusCode).toBe(200);
  await traces.close();
  expect(collector.spans).toMatchObject([{ name: "GET /v1/runs", traceId, parentSpanId: spanId }]);
  expect(collector.bodies.join("")).not.toContain("secret");
});
