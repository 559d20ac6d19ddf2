import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { sendJson, startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { startUsgsReplay } from "@penstock/testing/simulators/usgs-replay";
import { waitUntil } from "@penstock/testing/wait-until";
import { jsonLines, penstock, startPenstock } from "../penstock.ts";

export type System = {
  /** Where the dashboard is, without a slash at the end. */
  url: string;
  api: ExternalApi;
  /** How long `api` takes for an answer from now on. */
  slowDown(ms: number): void;
  /** Ids of what the shop has, which is brought whole by each run. */
  shop: { ids: readonly number[] };
  /** Of an administrator, of a reader, one that has expired, and the id of the first. */
  keys: { admin: string; adminId: string; reader: string; expired: string };
  command(...args: string[]): Promise<void>;
  /** Through the API, as another program would; the id of the run. */
  runToEnd(source: string, stream: string): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * `penstock up` on three simulated APIs: earthquakes with five broken records, an API that records can be added to, and a shop whose items
 * may be gone.
 */
export async function startSystem(): Promise<System> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "penstock-dashboard-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const replay = stack.adopt(await startUsgsReplay({ faults: "demo" }), (opened) => opened.close());
  let slowMs = 0;
  const api = stack.use(await startExternalApi({ records: 300, slowness: () => slowMs }));
  const shop = { ids: Array.from({ length: 20 }, (_, id) => id) as readonly number[] };
  const shopApi = await startLoopbackServer((_, response) =>
    sendJson(response, 200, JSON.stringify(shop.ids.map((id) => ({ id, price: 10 + id })))),
  );
  stack.use(shopApi);
  const env = {
    PENSTOCK_DATA_DIR: dataDir,
    PENSTOCK_HTTP_PORT: "0",
    PENSTOCK_API_PORT: "0",
    USGS_BASE_URL: replay.url,
    API_BASE_URL: api.url,
    SHOP_URL: shopApi.url,
    PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "sources"),
  };
  const makeKey = async (name: string, ...options: string[]) => {
    const [made] = jsonLines(await penstock(["keys", "create", name, "--json", ...options], env));
    return { key: String(made?.["key"]), id: String(made?.["id"]) };
  };
  const expired = await makeKey("of-yesterday", "--expires", "1s");
  const reader = await makeKey("reader", "--scope", "read");
  const admin = await makeKey("admin", "--scope", "admin");
  const { child, ended } = startPenstock(["up"], env);
  stack.defer(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  let stderr = "";
  child.stderr?.on("data", (text) => (stderr += text));
  const served = waitUntil(() => /dashboard and API: (\S+)/.exec(stderr)?.[1], {
    what: "the dashboard to be served",
    timeoutMs: 110_000,
  });
  const url = await Promise.race([served, ended.then(() => Promise.reject(new Error(`up ended:\n${stderr}`)))]);
  const open = stack.move();
  return {
    url,
    api,
    shop,
    slowDown: (ms) => {
      slowMs = ms;
    },
    keys: { admin: admin.key, adminId: admin.id, reader: reader.key, expired: expired.key },
    command: async (...args) => {
      const { code, stderr: text } = await penstock(args, env);
      if (code !== 0) throw new Error(`penstock ${args.join(" ")}: ${text}`);
    },
    runToEnd: async (source, stream) => {
      const ask = async <T>(path: string, body?: object): Promise<T> => {
        const headers = { authorization: `Bearer ${admin.key}`, "content-type": "application/json" };
        const method = body === undefined ? "GET" : "POST";
        const answer = await fetch(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
        if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
        return JSON.parse(await answer.text());
      };
      const { run } = await ask<{ run: { id: string } }>("/v1/runs", { source, stream });
      const ended = async () => (await ask<{ status: string }>(`/v1/runs/${run.id}`)).status === "succeeded";
      await waitUntil(ended, { what: `the run of ${source}.${stream}`, timeoutMs: 30_000 });
      return run.id;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
