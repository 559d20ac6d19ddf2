import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openStore } from "@penstock/store/open-store";
import { endConnections } from "@penstock/testing/end-connections";
import { install, migrationsRoot, type Servers, startServers } from "./servers.ts";
import { type Sample, verdict } from "./soak-verdict.ts";

/*
 * node tests/chaos/soak-main.ts [--records 2000000] [--database postgresql]: one process of the program takes in so many records
 * from an API that fails now and then, with its connections to Redis and Postgres cut every few seconds. Prints throughput and
 * memory by tenths; ends with 1 when memory grows after the warm-up, the last tenth is slower than the second, or records miss.
 */

const { values } = parseArgs({
  options: { records: { type: "string", default: "2000000" }, database: { type: "string", default: "postgresql" } },
});
const records = Number(values.records);
const cutEveryMs = 7_000;

await using stack = new AsyncDisposableStack();
const servers = await startServers(stack);
const { samples, problems } = await soak(servers);
for (const line of verdict(samples, records).lines) process.stdout.write(`${line}\n`);
const wrong = [...verdict(samples, records).problems, ...problems];
process.stdout.write(wrong.length === 0 ? "all well\n" : `FAILED:\n  ${wrong.join("\n  ")}\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;

async function soak(servers: Servers): Promise<{ samples: Sample[]; problems: string[] }> {
  const database = values.database === "sqlite" ? "sqlite" : "postgresql";
  const { database: made, queue } = await install({ database, queue: "redis" }, servers, stack);
  const api = stack.adopt(startApi(), (child) => void child.kill());
  const running = startProgram({
    DATABASE_URL: made.url,
    REDIS_URL: queue.url,
    PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "sources"),
    PENSTOCK_HTTP_PORT: "0",
    PENSTOCK_LOG_LEVEL: "silent",
    CHAOS_API_URL: await firstLine(api),
    CHAOS_PAGE_SIZE: "1000",
  });
  const metricsUrl = await healthUrl(running);
  const samples = await sample(metricsUrl, servers);
  const ended = once(running, "exit");
  running.kill("SIGTERM");
  const [code] = await ended;
  const missing = await difference(made.url);
  return { samples, problems: [...(code === 0 ? [] : [`it ended with ${code}`]), ...missing] };
}

/** As a user starts it: with what ./penstock tells Node about memory. */
function startProgram(env: Record<string, string>): ChildProcess {
  const { PATH = "", HOME = "" } = process.env;
  const program = join(import.meta.dirname, "../../penstock");
  return spawn(program, ["up"], { env: { PATH, HOME, ...env }, stdio: ["ignore", "ignore", "pipe"] });
}

function startApi(): ChildProcess {
  const main = join(import.meta.dirname, "soak-api-main.ts");
  return spawn(process.execPath, [main, "--records", String(records)], { stdio: ["ignore", "pipe", "inherit"] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [text] = await once(child.stdout ?? child, "data");
  return String(text).trim();
}

/** `up` says on standard error where its health and metrics are. */
async function healthUrl(child: ChildProcess): Promise<string> {
  let said = "";
  for (;;) {
    const [text] = await once(child.stderr ?? child, "data");
    said += String(text);
    const url = /health and metrics: (\S+)/.exec(said)?.[1];
    if (url !== undefined) return url;
  }
}

/** Looks twice a second until all records are accounted for, and cuts connections meanwhile. */
async function sample(url: string, servers: Servers): Promise<Sample[]> {
  const samples: Sample[] = [];
  let cutAt = performance.now();
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    // The last record of a page comes again with the next one, and changes nothing then.
    const done = metrics.replace(/^penstock_records_total\{[^}]*outcome="unchanged".*$/gm, "");
    const at = { ms: performance.now(), records: sumOf(done, "penstock_records_total") };
    samples.push({ ...at, memoryBytes: sumOf(metrics, "penstock_process_resident_memory_bytes") });
    if (at.records >= records) return samples;
    if (performance.now() - cutAt > cutEveryMs) {
      await endConnections(servers);
      cutAt = performance.now();
    }
    await delay(500);
  }
}

function sumOf(metrics: string, name: string): number {
  const lines = metrics.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

async function difference(url: string): Promise<string[]> {
  const store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  const [row] = await store.queryView("SELECT COUNT(*) AS n, COALESCE(SUM(revision), 0) AS writes FROM records");
  const letters = await store.countLetters({ status: "open" });
  const [stored, writes] = [Number(row?.["n"]), Number(row?.["writes"])];
  return [
    ...(stored + letters === records ? [] : [`${stored} records and ${letters} letters of ${records} records`]),
    ...(writes === stored ? [] : [`${stored} records were written ${writes} times`]),
  ];
}
