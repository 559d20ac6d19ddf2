import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { freePort } from "@penstock/testing/free-port";
import { waitUntil } from "@penstock/testing/wait-until";
import type { Place } from "./place.ts";
import type { Backend } from "./scenarios.ts";

const root = join(import.meta.dirname, "..");
/** What the image says, and the heap that Node gives itself in a container of 768 MB, which is what docker-compose.yml lets a worker have. */
const asInContainer = "--max-semi-space-size=4 --max-old-space-size=384";
/** Where Node keeps what it has compiled: the image brings that along, as `./penstock` has it after its first start. */
const compileCache = join(root, ".penstock/compile-cache");

export type RunningPenstock = {
  /** By name: `up`, or `scheduler`, `fetcher`, `transformer`; further fetchers are called `fetcher-2` and so on. */
  processes: ReadonlyMap<string, ChildProcess>;
  /** Of all of them. */
  metricsUrls: readonly string[];
  /** Throws when one of them ends before it is told to. */
  whileAlive<T>(work: Promise<T>): Promise<T>;
};

export type PenstockOptions = {
  place: Place;
  /** The folder of the sources. */
  sources: string;
  /** What these need. */
  env: Record<string, string>;
  /** One by default; there is but one where nothing is installed. */
  fetchers?: number;
};

/**
 * Penstock as a user starts it: `./penstock up` where nothing is installed, else a transformer, a fetcher and a scheduler, as `docker
 * compose up` has them. The workers are ready before the scheduler is started. All are told to end when the stack is disposed.
 */
export async function startPenstock(
  backend: Backend,
  { place, sources, env, fetchers = 1 }: PenstockOptions,
  stack: AsyncDisposableStack,
): Promise<RunningPenstock> {
  const processes = new Map<string, ChildProcess>();
  const metricsUrls: string[] = [];
  const died = Promise.withResolvers<never>();
  // Who was told to end ends as well, when nobody waits any more.
  died.promise.catch(() => undefined);
  const whileAlive = <T>(work: Promise<T>) => Promise.race([work, died.promise]);
  const all = { ...process.env, ...environmentOf(backend, place), ...env, PENSTOCK_SOURCES_DIR: sources };
  const start = async (name: string, command: string, args: string[], more: Record<string, string> = {}) => {
    const port = await freePort();
    const child = spawn(command, args, {
      env: { ...all, ...more, PENSTOCK_HTTP_PORT: String(port) },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    child.once("exit", (code) => died.reject(new Error(`${name} ended with ${code}:\n${said}`)));
    processes.set(name, child);
    metricsUrls.push(`http://127.0.0.1:${port}/metrics`);
    stack.defer(() => end(child));
    return () =>
      waitUntil(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok, {
        what: `${name} to be ready`,
        timeoutMs: 60_000,
      });
  };
  const startApp = (app: string, name = app) =>
    start(name, process.execPath, [join(root, `apps/${app}/src/main.ts`)], {
      NODE_OPTIONS: asInContainer,
      NODE_COMPILE_CACHE: compileCache,
    });
  if (backend === "SQLite + embedded") await start("up", join(root, "penstock"), ["up"]);
  else {
    const workers = [await startApp("transformer"), await startApp("fetcher")];
    for (let n = 2; n <= fetchers; n++) workers.push(await startApp("fetcher", `fetcher-${n}`));
    for (const isReady of workers) await whileAlive(isReady());
    await startApp("scheduler");
  }
  return { processes, metricsUrls, whileAlive };
}

/** What tells a process of Penstock where its database and queue are. */
export function environmentOf(backend: Backend, place: Place): Record<string, string> {
  const queue: Record<string, string> =
    backend === "Postgres only" ? { QUEUE_URL: place.queueUrl } : { REDIS_URL: place.redisUrl };
  return {
    DATABASE_URL: place.databaseUrl,
    ...(backend === "SQLite + embedded" ? { PENSTOCK_API_PORT: "0" } : queue),
    PENSTOCK_DATA_DIR: place.folder,
    PENSTOCK_LOG_LEVEL: "warn",
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const [code] = await ended;
  if (code !== 0) throw new Error(`Penstock ended with ${code}`);
}
