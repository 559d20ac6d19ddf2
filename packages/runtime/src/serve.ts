import type { RunningWorker } from "@penstock/queues/queues";
import { type HealthServer, type Readiness, startHealthServer } from "@penstock/telemetry/health";
import { runService, type Service, type ServiceProcess } from "@penstock/telemetry/lifecycle";
import { createLogger, type LogDestination } from "@penstock/telemetry/logger";
import { answerOf } from "./answer-of.ts";
import { describeFailure, exitCodeOf } from "./failure.ts";
import { loadConfiguration } from "./load-configuration.ts";
import { startLoop } from "./loop.ts";
import { openRuntime, type Runtime } from "./open-runtime.ts";

/** Starts a part of the pipeline on an open runtime: its workers, whose stopping it puts on the stack. */
export type StartPart = (runtime: Runtime, stack: AsyncDisposableStack) => Promise<RunningWorker[]>;

export type ServiceHost = ServiceProcess & {
  env: NodeJS.ProcessEnv;
  cwd(): string;
  stdout: LogDestination;
  stderr: LogDestination;
};

export type ServeOptions = {
  isVerbose?: boolean;
  /** Called with the address of the health server once all runs. */
  onRunning?: (url: string, runtime: Runtime) => void;
};

/** On top of what running jobs are given to finish: closing connections, and the last lines of the log. */
const closingMs = 10_000;

/**
 * Runs a part of the pipeline as a process of its own, with its health server, until a signal. Returns the exit code; what
 * keeps it from starting is said on standard error.
 */
export async function serve(
  app: string,
  start: StartPart,
  host: ServiceHost,
  options: ServeOptions = {},
): Promise<number> {
  const isVerbose = options.isVerbose === true;
  try {
    const config = await loadConfiguration({ env: host.env, cwd: host.cwd() });
    const level = isVerbose ? "debug" : (config.log.level ?? "info");
    const logger = createLogger({ app, level, format: config.log.format, destination: host.stdout });
    const deadlineMs = config.shutdownGraceMs + closingMs;
    return await runService(
      async (service) => {
        const parts: Parts = { runtime: undefined, workers: [] };
        // Opened first, hence closed last: it says "not ready" while the rest is opened, and while it drains.
        const server = service.stack.use(await serveHealth(config.http, parts, service));
        logger.info({ url: server.url }, "health and metrics are served");
        const runtime = await openRuntime({ app, config, logger, stack: service.stack, withProcessMetrics: true });
        parts.runtime = runtime;
        await runtime.backend.updateLock({ healthUrl: server.url });
        parts.workers = await start(runtime, service.stack);
        service.stack.use(startLoop("workers", watchMs, async () => endWithWorkers(parts, service), logger));
        options.onRunning?.(server.url, runtime);
      },
      { process: host, logger, deadlineMs },
    );
  } catch (error) {
    host.stderr.write(`${describeFailure(error, { isVerbose })}\n`);
    return exitCodeOf(error);
  }
}

const watchMs = 2_000;

/** A process whose worker has ended by itself takes no more jobs: it ends too, so that whoever runs it starts it again. */
function endWithWorkers({ workers }: Parts, service: Service): void {
  if (service.state() !== "running" || workers.every((worker) => worker.isRunning())) return;
  service.markUnclean("a worker has ended by itself");
  service.stop("a worker has ended by itself");
}

/** What of a process is open by now. */
type Parts = { runtime: Runtime | undefined; workers: RunningWorker[] };

function serveHealth(http: { host: string; port: number }, parts: Parts, service: Service): Promise<HealthServer> {
  return startHealthServer({
    ...http,
    metrics: { read: async () => (await parts.runtime?.context.metrics.read()) ?? nothingYet },
    isLive: () => service.state() !== "running" || parts.workers.every((worker) => worker.isRunning()),
    readiness: () => readiness(parts, service),
    routes: { "/queues": async () => (await parts.runtime?.context.queues.depths()) ?? [] },
  });
}

const nothingYet = { contentType: "text/plain; version=0.0.4", text: "" };

/** Whoever is starting or draining takes no work, whatever answers. */
async function readiness({ runtime, workers }: Parts, service: Service): Promise<Readiness> {
  const state = service.state();
  if (runtime === undefined || state !== "running") return { isReady: false, checks: { state } };
  const { store, queues } = runtime.context;
  const [database, migrations, queue] = await Promise.all([
    answerOf(() => store.ping()),
    answerOf(() => store.checkMigrated()),
    answerOf(() => queues.ping()),
  ]);
  const checks = { state, database, migrations, queue, workers: String(workers.length) };
  return { isReady: [database, migrations, queue].every((answer) => answer === "ok"), checks };
}
