import { once } from "node:events";
import { join } from "node:path";
import { loadConfig } from "@penstock/config/config";
import type { FailurePoint, PlannedFailure, Reach } from "@penstock/core/failure-points";
import { startFetcher } from "@penstock/fetcher/start-fetcher";
import type { PipelineContext } from "@penstock/pipeline/context";
import type { NewJob, Queues } from "@penstock/queues/queues";
import { createReach } from "@penstock/runtime/failures";
import { openRuntime, type Runtime } from "@penstock/runtime/open-runtime";
import { startScheduler } from "@penstock/scheduler/start-scheduler";
import type { Logger } from "@penstock/telemetry/logger";
import { startTcpProxy, type TcpProxy } from "@penstock/testing/tcp-proxy";
import { startTransformer } from "@penstock/transformer/start-transformer";
import type { Schedule, Server } from "./schedule.ts";

/*
 * A process of the pipeline, played inside the test's: its own connections, workers and locks, wired as the real ones are. It
 * reaches its servers through proxies of its own. Killing it cuts those for good, which is all that servers see of a SIGKILL;
 * what is left of it can no longer do anything and is released later.
 */

export type ChaosProcess = {
  /** Undefined when it did not come to start. */
  context(): PipelineContext | undefined;
  proxyOf(server: Server): TcpProxy | undefined;
  isDead(): boolean;
  kill(): void;
  /** Ends it, dead or alive. */
  end(): Promise<void>;
};

export type ChaosProcessOptions = {
  databaseUrl: string;
  queue: { kind: Schedule["queue"]; url: string };
  apiUrl: string;
  pageSize: number;
  isDeduplicated: boolean;
  hasScheduler: boolean;
  failures: PlannedFailure[];
  /** More variables. */
  env?: Record<string, string>;
  /** What becomes of jobs that it enqueues. */
  disturb: (jobs: NewJob[]) => NewJob[];
  logger: Logger;
  onDeath: () => void;
};

const sourcesDir = join(import.meta.dirname, "sources");
/** Longer than a busy machine keeps an event loop waiting: locks lost for that are work done over and over. */
const quickLocks = { lockDurationMs: 3_000, stalledIntervalMs: 1_000 };
const quickPace = { upkeepMs: 300, suspicionMs: 900, restoreMs: 1_000 };

export async function startChaosProcess(options: ChaosProcessOptions): Promise<ChaosProcess> {
  const stack = new AsyncDisposableStack();
  const proxies = new Map<Server, TcpProxy>();
  const ending = new AbortController();
  const dying = Promise.withResolvers<undefined>();
  let isDead = false;
  let context: PipelineContext | undefined;
  let starting: Promise<PipelineContext | undefined> = Promise.resolve(undefined);
  const through = async (server: Server, url: string): Promise<string> => {
    const proxy = proxies.get(server) ?? stack.adopt(await startTcpProxy(url), (started) => started.close());
    proxies.set(server, proxy);
    const proxied = new URL(url);
    proxied.host = `127.0.0.1:${proxy.port}`;
    return proxied.href;
  };
  const kill = () => {
    if (isDead) return;
    isDead = true;
    for (const proxy of proxies.values()) proxy.cut();
    dying.resolve(undefined);
    options.onDeath();
  };
  const isFile = options.databaseUrl.startsWith("file:");
  const queueUrl = await through(options.queue.kind, options.queue.url);
  const env = {
    DATABASE_URL: isFile ? options.databaseUrl : await through("postgres", options.databaseUrl),
    [options.queue.kind === "redis" ? "REDIS_URL" : "QUEUE_URL"]: queueUrl,
    PENSTOCK_SOURCES_DIR: sourcesDir,
    PENSTOCK_SHUTDOWN_GRACE_MS: "0",
    PENSTOCK_TRANSFORM_THREADS: "0",
    PENSTOCK_UNIQUE_JOB_IDS: String(!options.isDeduplicated),
    CHAOS_API_URL: options.apiUrl,
    CHAOS_PAGE_SIZE: String(options.pageSize),
    ...options.env,
  };
  const process: ChaosProcess = {
    context: () => context,
    proxyOf: (server) => proxies.get(server),
    isDead: () => isDead,
    kill,
    end: async () => {
      ending.abort();
      await starting;
      // All is judged by now. Workers take leave of their server quickly when it answers.
      for (const proxy of proxies.values()) proxy.restore();
      await stack.disposeAsync();
    },
  };
  starting = start(stack, env, options, { kill, isDead: () => isDead, ended: ending.signal }).catch(
    (error: unknown) => {
      // A server was away: a real process would exit, and be started again.
      options.logger.info({ err: error }, "process did not start");
      kill();
      return undefined;
    },
  );
  // One that dies while starting never comes to an end with it.
  context = await Promise.race([starting, dying.promise]);
  return process;
}

type Life = { kill: () => void; isDead: () => boolean; ended: AbortSignal };

async function start(
  stack: AsyncDisposableStack,
  env: Record<string, string>,
  options: ChaosProcessOptions,
  life: Life,
): Promise<PipelineContext> {
  const { logger } = options;
  const config = loadConfig({ env, cwd: import.meta.dirname });
  const planned = createReach(options.failures, () => {
    life.kill();
    throw new Error("killed");
  });
  // SQLite is reached through no proxy: the dead are held at the next step.
  const reach: Reach = (point) => (life.isDead() ? held(point, life.ended) : planned(point));
  const opened = await openRuntime({ app: "chaos", config, logger, stack, reach });
  const context = { ...opened.context, queues: disturbed(opened.context.queues, options.disturb) };
  const runtime: Runtime = { ...opened, context, locks: quickLocks, pace: quickPace };
  await startTransformer(runtime, stack);
  await startFetcher(runtime, stack);
  if (options.hasScheduler) await startScheduler(runtime, stack);
  return context;
}

/** Inside a transaction the dead must let go, as a connection that breaks does; elsewhere they stop until all is over. */
function held(point: FailurePoint, released: AbortSignal): Promise<void> {
  if (isInTransaction(point) || released.aborted) return Promise.reject(new Error("killed"));
  return once(released, "abort").then(() => Promise.reject(new Error("killed")));
}

const isInTransaction = (point: FailurePoint) =>
  point.startsWith("commit.") || point === "start-run.in-transaction" || point === "deletions.marked";

function disturbed(queues: Queues, disturb: ChaosProcessOptions["disturb"]): Queues {
  return { ...queues, enqueue: (jobs) => queues.enqueue(disturb(jobs)) };
}
