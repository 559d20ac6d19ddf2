import { serve } from "@penstock/runtime/serve";
import { startAllInOne } from "../all-in-one.ts";
import type { Host } from "../program.ts";

/** `penstock up`: everything in one process until a signal. */
export function up(host: Host, options: { isVerbose: boolean }): Promise<number> {
  return serve("penstock", startAllInOne, host.service, {
    ...options,
    onRunning: (url, { context, loaded }) => {
      const streams = [...context.sources.values()].flatMap(({ name, streams }) =>
        Object.keys(streams).map((stream) => `${name}.${stream}`),
      );
      const missing = loaded.unconfigured.map(({ name }) => name);
      host.err.write(
        `${streams.length} streams: ${streams.join(", ")}${missing.length > 0 ? `; not configured: ${missing.join(", ")}` : ""}\n`,
      );
      host.err.write(`health and metrics: ${url}   stop with Ctrl-C\n`);
    },
  });
}
