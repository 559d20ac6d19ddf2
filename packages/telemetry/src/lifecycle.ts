import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "./logger.ts";

/*
 * A service is starting, running, draining, stopped, in this order.
 *
 * starting: `start` opens what it needs, each with its release on the stack. When it throws, what was opened is released, and the
 *   caller gets the error.
 * running: until a signal, an uncaught exception, or `stop`.
 * draining: not ready any more; the stack is released in reverse, so that intake stops first and connections close last. A
 *   second signal ends the process at once, and so does the deadline, since a connection to a server that is away may never close.
 * stopped: exit code 0 if all of it went well, else 1.
 */

export type ServiceState = "starting" | "running" | "draining" | "stopped";

export type Service = {
  state(): ServiceState;
  /** Whoever opens something puts its release here. */
  readonly stack: AsyncDisposableStack;
  /** Aborted when draining begins. */
  readonly signal: AbortSignal;
  /** Begins draining, as a signal would. */
  stop(reason: string): void;
  /** Something was not finished or not released: the exit code will be 1. */
  markUnclean(reason: string): void;
};

/** What a service needs of `process`; `main.ts` hands it over. */
export type ServiceProcess = {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  exit(code: number): void;
};

export type ServiceOptions = {
  process: ServiceProcess;
  logger: Logger;
  /** How long draining may take before the process ends regardless. Longer than what the parts wait for running jobs. */
  deadlineMs: number;
};

const signals = ["SIGTERM", "SIGINT"] as const;

/**
 * Runs a service until it is told to stop. Returns the exit code.
 *
 * @throws what `start` throws, after releasing what it had opened
 */
export async function runService(start: (service: Service) => Promise<void>, options: ServiceOptions): Promise<number> {
  const { logger } = options;
  const control = createControl(options);
  try {
    await start(control.service);
    control.enter("running");
    logger.info({}, "running");
    if (!control.service.signal.aborted) await once(control.service.signal, "abort");
  } catch (error) {
    control.service.markUnclean("start failed");
    await release(control, options);
    throw error;
  }
  await release(control, options);
  const isClean = control.isClean();
  logger.info({ isClean }, "stopped");
  return isClean ? 0 : 1;
}

type Control = ReturnType<typeof createControl>;

function createControl({ process, logger }: ServiceOptions) {
  const stopping = new AbortController();
  let state: ServiceState = "starting";
  let isClean = true;
  const markUnclean = (reason: string) => {
    isClean = false;
    logger.warn({ reason }, "will not end cleanly");
  };
  const stop = (reason: string) => {
    if (stopping.signal.aborted) return;
    logger.info({ reason }, "stopping");
    stopping.abort();
  };
  const onSignal = (signal: unknown) => {
    if (stopping.signal.aborted) return process.exit(signal === "SIGINT" ? 130 : 1);
    stop(String(signal));
  };
  const onUncaught = (error: unknown) => {
    logger.error({ err: error }, "uncaught exception");
    markUnclean("uncaught exception");
    stop("uncaught exception");
  };
  for (const signal of signals) process.on(signal, onSignal);
  for (const event of ["uncaughtException", "unhandledRejection"]) process.on(event, onUncaught);
  return {
    service: {
      state: () => state,
      stack: new AsyncDisposableStack(),
      signal: stopping.signal,
      stop,
      markUnclean,
    } satisfies Service,
    enter: (next: ServiceState) => {
      state = next;
    },
    isClean: () => isClean,
    detach: () => {
      for (const signal of signals) process.off(signal, onSignal);
      for (const event of ["uncaughtException", "unhandledRejection"]) process.off(event, onUncaught);
    },
  };
}

async function release(
  { service, enter, detach }: Control,
  { process, logger, deadlineMs }: ServiceOptions,
): Promise<void> {
  enter("draining");
  const released = new AbortController();
  const watchdog = delay(deadlineMs, undefined, { signal: released.signal }).then(
    () => {
      logger.error({ deadlineMs }, "draining took too long, ending anyway");
      process.exit(1);
    },
    () => undefined,
  );
  try {
    await service.stack.disposeAsync();
  } catch (error) {
    logger.error({ err: error }, "something could not be released");
    service.markUnclean("a release failed");
  }
  released.abort();
  await watchdog;
  detach();
  enter("stopped");
}
