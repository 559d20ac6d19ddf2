import { parseArgs } from "node:util";
import { startExternalApi } from "./external-api.ts";

const { values } = parseArgs({
  options: {
    records: { type: "string", default: "100000" },
    port: { type: "string", default: "0" },
    since: { type: "string", default: "exclusive" },
    cap: { type: "string" },
    token: { type: "string" },
    /** `<from>,<count>` */
    "same-timestamp": { type: "string" },
  },
});

const [from, count] = (values["same-timestamp"] ?? "").split(",").map(Number);

const api = await startExternalApi({
  records: Number(values.records),
  port: Number(values.port),
  since: values.since === "inclusive" ? "inclusive" : "exclusive",
  ...(values.cap !== undefined && { cap: Number(values.cap) }),
  ...(values.token !== undefined && { token: values.token }),
  ...(from !== undefined && count !== undefined && { sameTimestamp: { from, count } }),
});
process.stdout.write(`${api.url}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void api.close());
