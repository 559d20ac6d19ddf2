import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ExternalApi, startExternalApi } from "@penstock/testing/simulators/external-api";
import { startUsgsReplay } from "@penstock/testing/simulators/usgs-replay";
import { waitUntil } from "@penstock/testing/wait-until";
import { jsonLines, penstock, startPenstock } from "./penstock.ts";

export type System = {
  /** Where the dashboard is, without a slash at the end. */
  url: string;
  api: ExternalApi;
  /** Of an administrator, of a reader, one that has expired, and the id of the first. */
  keys: { admin: string; adminId: string; reader: string; expired: string };
  command(...args: string[]): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `penstock up` on two simulated APIs: earthquakes with five broken records, and an API that records can be added to. */
export async function startSystem(): Promise<System> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "penstock-dashboard-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const replay = stack.adopt(await startUsgsReplay({ faults: "demo" }), (opened) => opened.close());
  const api = stack.adopt(await startExternalApi({ records: 300 }), (opened) => opened.close());
  const env = {
    PENSTOCK_DATA_DIR: dataDir,
    PENSTOCK_HTTP_PORT: "0",
    PENSTOCK_API_PORT: "0",
    USGS_BASE_URL: replay.url,
    API_BASE_URL: api.url,
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
    keys: { admin: admin.key, adminId: admin.id, reader: reader.key, expired: expired.key },
    command: async (...args) => {
      const { code, stderr: text } = await penstock(args, env);
      if (code !== 0) throw new Error(`penstock ${args.join(" ")}: ${text}`);
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
