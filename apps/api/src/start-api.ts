import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ApiConfig, Config } from "@penstock/config/config";
import { ConfigError } from "@penstock/core/errors";
import type { Runtime } from "@penstock/runtime/open-runtime";
import { createCallers } from "./access/callers.ts";
import { createServer } from "./create-server.ts";
import { createLiveHub } from "./live/hub.ts";
import { createOverview } from "./live/overview.ts";

export type StartedApi = {
  /** `http://127.0.0.1:9470`, with the real port. */
  url: string;
  /** Whether it answers without a key. */
  isOpen: boolean;
};

export type ApiOptions = {
  /** Folder of the built dashboard; without one, the API alone is served. */
  dashboard?: string | undefined;
};

/**
 * Serves the HTTP API, Bull Board and the dashboard on an open runtime, until the stack is disposed.
 *
 * @throws ConfigError `CONFIG_INVALID` when the address cannot be listened on
 */
export async function startApi(
  { config, context: pipeline, backend, loaded }: Runtime,
  stack: AsyncDisposableStack,
  { dashboard }: ApiOptions = {},
): Promise<StartedApi> {
  const overview = createOverview(pipeline);
  const hub = stack.use(createLiveHub(pipeline, overview, pipeline.logger));
  const callers = createCallers(pipeline.store.access, { mayBeOpen: mayBeOpen(config) });
  const depths = await pipeline.queues.depths();
  const queues = depths.map(({ queue }) => backend.queue(queue));
  const api = { config, pipeline, loaded, callers, overview, hub, version: await readVersion() };
  const server = await createServer(api, { queues, dashboard });
  stack.defer(() => server.close());
  const url = await listen(server, config.api);
  const isOpen = await callers.isOpen();
  pipeline.logger.info(
    { url, isOpen },
    isOpen ? "the API is open to this machine, without a key" : "the API is served",
  );
  return { url, isOpen };
}

/** Only a process that has its queue to itself, and that only this machine can reach. */
function mayBeOpen({ queue, api }: Config): boolean {
  return queue.kind === "embedded" && /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(api.host) && !api.trustsProxy;
}

async function readVersion(): Promise<string> {
  const manifest: { version: string } = JSON.parse(
    await readFile(join(import.meta.dirname, "../../../package.json"), "utf8"),
  );
  return manifest.version;
}

type Listening = { listen(address: { host: string; port: number }): Promise<string> };

async function listen(server: Listening, { host, port }: ApiConfig): Promise<string> {
  try {
    const url = await server.listen({ host, port });
    return url.replace(/\/\/(0\.0\.0\.0|\[::\])/, "//127.0.0.1");
  } catch (cause) {
    const isTaken = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
    const why = isTaken ? "is in use by another process" : "cannot be listened on";
    throw new ConfigError("CONFIG_INVALID", `PENSTOCK_API_HOST/PENSTOCK_API_PORT: ${host}, port ${port} ${why}`, {
      cause,
      remedy: "set PENSTOCK_API_PORT to a port that is free, or to 0 for any",
    });
  }
}
