import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { routes } from "@penstock/api-contract/routes";
import { startOtlpReceiver } from "@penstock/testing/otlp-receiver";
import { startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { expect, test } from "vitest";
import { penstock, startPenstock } from "./penstock.ts";

/*
 * An API that repeats all it is sent and gives secrets of its own, asked by `penstock up` with every kind of credentials; then
 * everything that this program tells, to whomever, is looked through.
 */

/** In each credential, and in each that the API makes up. Stands nowhere, not even on the disk. */
const secret = /hunter2|aHVudGVyM|bWU6aHVudGVyM/;
/** In the records. Stands in the records and letters that hold these, and nowhere else. */
const content = /swordfish/;
const ways = ["refused", "down", "text", "moved", "around", "wrong", "linked"];
const sources = ["bot", "crm", "erp", "shop"];

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "", `http://${request.headers.host}`);
  const sent = { url: request.url, ...request.headers, body: await text(request) };
  const made = {
    access_token: "hunter2-made",
    said: "Authorization: Bearer hunter2-old",
    nested: '{"sig":"hunter2-sig"}',
  };
  // What it made up first: an excerpt ends early.
  const echo = JSON.stringify({ ...made, ...sent });
  const send = (status: number, body: string, headers = {}) =>
    void response.writeHead(status, { "set-cookie": "sid=hunter2-cookie", ...headers }).end(body);
  const next = `http://me:hunter2-account@${url.host}${url.pathname}/next${url.search}`;
  const answers: Record<string, () => void> = {
    token: () => send(200, '{"access_token":"hunter2-granted","refresh_token":"hunter2-rotated","expires_in":3600}'),
    "refused-token": () => send(500, JSON.stringify({ error: sent.body, ...sent })),
    refused: () => send(403, echo),
    down: () => send(500, `${sent.url} ${JSON.stringify(sent)} ${echo}`),
    text: () => send(200, `no JSON: ${echo}`),
    moved: () => send(302, "", { location: "http://me:hunter2@127.0.0.2:9/x?token=hunter2-sent#token=hunter2" }),
    around: () => send(302, "", { location: `${url.pathname}?access_token=hunter2-back` }),
    wrong: () => send(200, '{"items":[{"id":"a","password":"swordfish"}]}'),
    linked: () => send(200, JSON.stringify({ items: [{ id: "b", password: 1 }], next })),
    next: () => send(403, echo),
  };
  (answers[url.pathname.split("/").at(-1) ?? ""] ?? (() => send(404, echo)))();
}

test("secrets stand nowhere in what is told, whatever an API does with them", async () => {
  await using stack = new AsyncDisposableStack();
  const api = stack.use(await startLoopbackServer((request, response) => void answer(request, response)));
  const collector = stack.use(await startOtlpReceiver());
  const env = {
    PENSTOCK_DATA_DIR: await testDir(),
    PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "secrets/sources"),
    PENSTOCK_HTTP_PORT: "0",
    PENSTOCK_API_PORT: "0",
    SECRETS_URL: api.url,
    BOT_TOKEN: "7:hunter2-bot",
    CRM_SECRET: "hunter2-crm/&",
    ERP_SECRET: "hunter2-erp",
    SHOP_PASSWORD: "hunter2-shop",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer hunter2-otlp",
    OTEL_METRICS_EXPORTER: "otlp",
    PENSTOCK_TRACE_SAMPLE: "1",
  };
  const { child, ended } = startPenstock(["--verbose", "up"], env);
  stack.defer(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr?.on("data", (line) => (stderr += line));
  const addressOf = (what: string) =>
    waitUntil(() => new RegExp(`${what}: (\\S+)`).exec(stderr)?.[1], { what: "up to run", timeoutMs: 60_000 });
  const [health, base] = [await addressOf("health and metrics"), await addressOf("dashboard and API")];
  const get = async (path: string, from = base) => await (await fetch(new URL(path, from))).text();

  for (const source of sources)
    for (const stream of ways) {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ source, stream });
      expect((await fetch(new URL("/v1/runs", base), { method: "POST", headers, body })).status).toBeLessThan(300);
    }
  const isOver = async () => {
    const { items } = JSON.parse(await get("/v1/runs?limit=200"));
    return (
      items.filter(({ status }: { status: string }) => status === "failed").length === sources.length * ways.length
    );
  };
  await waitUntil(isOver, { what: "every run to fail", timeoutMs: 60_000 });

  const told: Record<string, string> = {};
  for (const { path } of Object.values(routes).filter(
    ({ method, path: at }) => method === "GET" && !/[{]|events/.test(at),
  ))
    told[path] = await get(path);
  const { items: letters }: { items: { id: string; kind: string }[] } = JSON.parse(
    await get("/v1/dead-letters?limit=200"),
  );
  expect(letters.length).toBe(sources.length * ways.length);
  for (const { id } of letters) {
    // A record is kept whole in its letter; of a request there is only where it was.
    const { payload, ...letter } = JSON.parse(await get(`/v1/dead-letters/${id}`));
    told[`letter ${id}`] = JSON.stringify(letter.kind === "record" ? letter : { ...letter, payload });
  }
  for (const path of ["/", "/docs", "/queues/api/queues"]) told[path] = await get(path);
  for (const path of ["/metrics", "/queues", "/health/ready"]) told[`health ${path}`] = await get(path, health);
  child.kill("SIGTERM");
  const { stdout } = await ended;
  Object.assign(told, { stdout, stderr, traces: collector.bodies.join("\n") });
  for (const command of [["runs", "--json"], ["dead-letters", "list"], ["status"]])
    told[command.join(" ")] = Object.values(await penstock(["--verbose", ...command], env)).join("\n");

  for (const [where, all] of Object.entries(told)) {
    expect([where, all.length > 0]).toEqual([where, true]);
    const found = secret.exec(all) ?? content.exec(all);
    expect([where, found && all.slice(Math.max(0, found.index - 200), found.index + 50)]).toEqual([where, null]);
  }
  expect(told["stdout"]).toContain("[concealed]");
  expect(collector.spans.length).toBeGreaterThan(sources.length * ways.length);
  const names = collector.spans.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["request", "redirect", "token"]));
  expect(collector.metrics.size).toBeGreaterThan(0);
  for (const name of await readdir(env.PENSTOCK_DATA_DIR, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const stored = await readFile(join(name.parentPath, name.name), "latin1");
    expect([name.name, secret.exec(stored)?.index]).toEqual([name.name, undefined]);
  }
});
