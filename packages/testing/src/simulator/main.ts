import { parseArgs } from "node:util";
import type { RandomFaults } from "./faults.ts";
import { pagingOf, ratesOf } from "./main-options.ts";
import { createSimulator } from "./simulator.ts";

/*
 * node packages/testing/src/simulator/main.ts --streams 16 --records 10000 --paging keyset --latency 200 \
 *   --faults status=0.05,truncated=0.01 --seed 7
 *
 * Serves /data (or /data0 to /data15) and prints its address.
 */

const { values } = parseArgs({
  options: {
    streams: { type: "string", default: "1" },
    records: { type: "string", default: "10000" },
    paging: { type: "string", default: "keyset" },
    "page-size": { type: "string" },
    since: { type: "string", default: "exclusive" },
    latency: { type: "string" },
    port: { type: "string", default: "0" },
    token: { type: "string" },
    /** `<requests>/<ms>` */
    limit: { type: "string" },
    /** `<kind>=<rate>,…` */
    faults: { type: "string" },
    seed: { type: "string", default: "0" },
    /** Rate of inserts and updates before each page. */
    churn: { type: "string" },
  },
});

const seed = Number(values.seed);
const streamCount = Number(values.streams);
const paging = pagingOf(values.paging, values["page-size"], values.since);
const [max, perMs] = (values.limit ?? "").split("/").map(Number);
const churn = Number(values.churn ?? 0);
const randomFaults: RandomFaults | undefined = values.faults ? { seed, rates: ratesOf(values.faults) } : undefined;

const simulator = await createSimulator({
  port: Number(values.port),
  streams: Object.fromEntries(
    Array.from({ length: streamCount }, (_, i) => [
      streamCount === 1 ? "data" : `data${i}`,
      { records: Number(values.records), seed: seed + i, paging },
    ]),
  ),
  ...(values.latency !== undefined && { latencyMs: Number(values.latency) }),
  ...(values.token !== undefined && { auth: { kind: "bearer", token: values.token } }),
  ...(max !== undefined && perMs !== undefined && { limit: { max, perMs } }),
  ...(randomFaults !== undefined && { randomFaults }),
  ...(churn > 0 && { churn: { seed, insert: churn, update: churn } }),
});
process.stdout.write(`${simulator.url}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void simulator.close());
