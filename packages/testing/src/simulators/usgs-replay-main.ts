import { parseArgs } from "node:util";
import { startUsgsReplay } from "./usgs-replay.ts";

const { values } = parseArgs({
  options: { host: { type: "string", default: "127.0.0.1" }, port: { type: "string", default: "0" } },
});

const replay = await startUsgsReplay({ faults: "demo", host: values.host, port: Number(values.port) });
process.stdout.write(`${replay.url}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void replay.close());
