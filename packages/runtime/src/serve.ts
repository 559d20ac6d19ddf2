import type { RunningWorker } from "@penstock/queues/queues";
import { type Readiness, startHealthServer } from "@penstock/telemetry/health";
import { runService, type Service, type ServiceProcess } from "@penstock/telemetry/lifecycle";
import { createLogger, type LogDestination, type Logger } from "@penstock/telemetry/logger";
import { answerOf } from "./answer-of.ts";
import { describeFailure, exitCodeOf } from "./failure.ts";
import { loadConfiguration } from "./load-configuration.ts";
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
        const runtime = await openRuntime({ app, config, logger, stack: service.stack, withProcessMetrics: true });
        // Opened before the workers, hence closed after them: while they drain it says "not ready".
        const workers: RunningWorker[] = [];
        const url = await serveHealth(runtime, workers, service, logger);
        workers.push(...(await start(runtime, service.stack)));
        options.onRunning?.(url, runtime);
      },
      { process: host, logger, deadlineMs },
    );
  } catch (error) {
    host.stderr.write(`${describeFailure(error, { isVerbose })}\n`);
    return exitCodeOf(error);
  }
}

async function serveHealth(
  runtime: Runtime,
  workers: RunningWorker[],
  service: Service,
  logger: Logger,
): Promise<string> {
  const { config, context, backend } = runtime;
  const server = await startHealthServer({
    ...config.http,
    metrics: context.metrics,
    isLive: () => service.state() !== "running" || workers.every((worker) => worker.isRunning()),
    readiness: () => readiness(runtime, service),
    routes: { "/queues": () => context.queues.depths() },
  });
  service.stack.use(server);
  await backend.updateLock({ healthUrl: server.url });
  logger.info({ url: server.url }, "health and metrics are served");
  return server.url;
}

async function readiness({ context }: Runtime, service: Service): Promise<Readiness> {
  const [database, queue] = await Promise.all([
    answerOf(() => context.store.ping()),
    answerOf(() => context.queues.ping()),
  ]);
  const state = service.state();
  return { isReady: state === "running" && database === "ok" && queue === "ok", checks: { state, database, queue } };
}
