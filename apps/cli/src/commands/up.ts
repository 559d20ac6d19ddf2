import { spawn } from "node:child_process";
import { type StartedApi, startApi } from "@penstock/api/start-api";
import { builtPage } from "@penstock/dashboard/bundle";
import { type ServeOptions, serve } from "@penstock/runtime/serve";
import { startAllInOne } from "../all-in-one.ts";
import type { Host } from "../program.ts";

/** `penstock up`: everything in one process until a signal. */
export function up(host: Host, options: { isVerbose: boolean; open?: boolean }): Promise<number> {
  let api: StartedApi | undefined;
  const start: Parameters<typeof serve>[1] = async (runtime, stack) => {
    const workers = await startAllInOne(runtime, stack);
    api = await startApi(runtime, stack, { dashboard: await builtPage() });
    return workers;
  };
  const onRunning: ServeOptions["onRunning"] = (healthUrl, { context, loaded }) => {
    const streams = [...context.sources.values()].flatMap(({ name, streams }) =>
      Object.keys(streams).map((stream) => `${name}.${stream}`),
    );
    const missing = loaded.unconfigured.map(({ name }) => name);
    const unconfigured = missing.length > 0 ? `; not configured: ${missing.join(", ")}` : "";
    host.err.write(`${streams.length} streams: ${streams.join(", ")}${unconfigured}\n`);
    if (api !== undefined) host.err.write(`dashboard and API: ${api.url}   ${accessText(api)}\n`);
    host.err.write(`health and metrics: ${healthUrl}   stop with Ctrl-C\n`);
    if (options.open === true && api !== undefined) openBrowser(api.url);
  };
  return serve("penstock", start, host.service, { isVerbose: options.isVerbose, onRunning });
}

function accessText({ isOpen }: StartedApi): string {
  return isOpen ? "open to this machine without a key, until `penstock keys create` makes one" : "asks for a key";
}

const openers: { readonly [platform: string]: readonly string[] } = { darwin: ["open"], win32: ["cmd", "/c", "start"] };

/** Where there is no browser, the address stands on the screen all the same. */
function openBrowser(url: string): void {
  const [command = "", ...args] = openers[process.platform] ?? ["xdg-open"];
  const opener = spawn(command, [...args, url], { stdio: "ignore", detached: true });
  opener.on("error", () => undefined);
  opener.unref();
}
