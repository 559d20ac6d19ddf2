import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import { freePort } from "@penstock/testing/free-port";
import { waitUntil } from "@penstock/testing/wait-until";
import type { Account } from "../contenders.ts";
import { migrationsRoot, type Place } from "../place.ts";
import type { Scenario } from "../scenarios.ts";
import { type Usage, usageOf } from "../usage.ts";

const root = join(import.meta.dirname, "../..");
/** The heap that Node gives itself in a container of 768 MB, which is what docker-compose.yml lets a worker have. */
const asInContainer = "--max-semi-space-size=16 --max-old-space-size=384";

/**
 * Penstock as a user starts it: `./penstock up` where nothing is installed, else a scheduler, a fetcher and a transformer, as `docker
 * compose up` has them. All are there before the scheduler is, whose first run is what is measured.
 */
export async function runPenstock(scenario: Scenario, place: Place): Promise<Account> {
  await using stack = new AsyncDisposableStack();
  const running = new Map<string, ChildProcess>();
  const died = Promise.withResolvers<never>();
  // Who was told to end ends as well, when nobody waits any more.
  died.promise.catch(() => undefined);
  const start = async (name: string, command: string, args: string[], more: Record<string, string> = {}) => {
    const port = await freePort();
    const env = { ...process.env, ...environment(scenario, place), ...more, PENSTOCK_HTTP_PORT: String(port) };
    const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    child.once("exit", (code) => died.reject(new Error(`${name} ended with ${code}:\n${said}`)));
    running.set(name, child);
    stack.defer(() => end(child));
    return () =>
      waitUntil(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok, {
        what: `${name} to be ready`,
        timeoutMs: 60_000,
      });
  };
  const startApp = (name: string) =>
    start(name, process.execPath, [join(root, `apps/${name}/src/main.ts`)], { NODE_OPTIONS: asInContainer });
  if (scenario.backend === "SQLite + embedded") await start("up", join(root, "penstock"), ["up"]);
  else {
    const workers = [await startApp("transformer"), await startApp("fetcher")];
    for (const isReady of workers) await Promise.race([isReady(), died.promise]);
    await startApp("scheduler");
  }
  const { records, endedAt } = await Promise.race([endOfRun(place.databaseUrl), died.promise]);
  const usage: Record<string, Usage> = {};
  for (const [name, { pid }] of running) usage[name] = await usageOf(pid ?? 0);
  return { records, endedAt, usage };
}

function environment({ backend, pageSize }: Scenario, place: Place): Record<string, string> {
  const queue: Record<string, string> =
    backend === "Postgres only" ? { QUEUE_URL: place.queueUrl } : { REDIS_URL: place.redisUrl };
  return {
    DATABASE_URL: place.databaseUrl,
    ...(backend === "SQLite + embedded" ? { PENSTOCK_API_PORT: "0" } : queue),
    API_BASE_URL: place.apiUrl,
    BATCH_SIZE: String(pageSize),
    PENSTOCK_SOURCES_DIR: join(import.meta.dirname, "../sources"),
    PENSTOCK_DATA_DIR: place.folder,
    PENSTOCK_LOG_LEVEL: "warn",
  };
}

/** Looks five times a second, from beside. */
async function endOfRun(url: string): Promise<{ records: number; endedAt: number }> {
  const store = await openStore({ url, migrationsRoot });
  try {
    const run = await waitUntil(
      async () => (await store.queryView("SELECT status, inserted, ended_at FROM runs WHERE ended_at IS NOT NULL"))[0],
      { what: "the end of the run", timeoutMs: 300_000, intervalMs: 200 },
    );
    if (run["status"] !== "succeeded") throw new Error(`the run ended as ${run["status"]}`);
    return { records: Number(run["inserted"]), endedAt: new Date(String(run["ended_at"])).getTime() };
  } finally {
    await store.close();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const [code] = await ended;
  if (code !== 0) throw new Error(`Penstock ended with ${code}`);
}
