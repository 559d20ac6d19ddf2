import { setTimeout as delay } from "node:timers/promises";
import { InfrastructureError } from "@penstock/core/errors";
import type { Logger } from "@penstock/telemetry/logger";

/**
 * Does `work` at once and then `everyMs` after its last end, until disposed; disposing waits for the round under way.
 * A round that fails is logged and the next one tries again: away databases and queues come back.
 */
export function startLoop(
  name: string,
  everyMs: number,
  work: () => Promise<unknown>,
  logger: Logger,
): AsyncDisposable {
  const stopping = new AbortController();
  const done = repeat();

  async function repeat(): Promise<void> {
    while (!stopping.signal.aborted) {
      await round();
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  async function round(): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof InfrastructureError) logger.warn({ loop: name, code: error.code }, "a round was put off");
      else logger.error({ loop: name, err: error }, "a round failed");
    }
  }

  return {
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await done;
    },
  };
}
