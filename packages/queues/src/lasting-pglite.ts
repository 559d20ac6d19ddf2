import { setTimeout as delay } from "node:timers/promises";
import { InfrastructureError } from "@penstock/core/errors";
import type { PgliteSession, PgliteThread } from "./pglite-thread.ts";

export type LastingPglite = PgliteSession & {
  /** Hears of each end of the Postgres but the one by `close`, which ends what its session was told: `LISTEN`, a transaction. */
  onEnd(listener: (cause: Error) => void): void;
  close(): Promise<void>;
};

const reopenMs = 2_000;

/**
 * A PGlite that is opened again when its Postgres has ended: it does so when it cannot write its log because the disk is full,
 * and what it had committed is found in that log by the next. Until then what is asked is refused, as with any server that is away.
 *
 * @param open makes another ready for use
 * @throws InfrastructureError `QUEUE_UNAVAILABLE`, from what is asked meanwhile
 */
export function lastingPglite(
  first: PgliteThread,
  open: () => Promise<PgliteThread>,
  report: (error: unknown) => void,
): LastingPglite {
  const ends = new Set<(cause: Error) => void>();
  const notified = new Set<(channel: string, payload: string) => void>();
  let current: PgliteThread | undefined;
  let reopening: Promise<void> | undefined;
  const closing = new AbortController();

  const use = (thread: PgliteThread) => {
    current = thread;
    thread.onNotification((channel, payload) => {
      for (const listener of notified) listener(channel, payload);
    });
    void thread.ended.then((cause) => {
      if (closing.signal.aborted) return;
      current = undefined;
      report(cause);
      for (const listener of ends) listener(cause);
      reopening = reopen();
    });
  };
  const reopen = async () => {
    while (!closing.signal.aborted) {
      try {
        return use(await open());
      } catch (error) {
        report(error);
        await delay(reopenMs, undefined, { ref: false, signal: closing.signal }).catch(() => undefined);
      }
    }
  };
  const session = (): PgliteThread => {
    if (current !== undefined) return current;
    throw new InfrastructureError("QUEUE_UNAVAILABLE", "the embedded queue has ended and is being opened again");
  };

  use(first);
  return {
    query: async (text, params) => await session().query(text, params),
    exec: async (text) => await session().exec(text),
    onNotification: (listener) => {
      notified.add(listener);
      return () => void notified.delete(listener);
    },
    onEnd: (listener) => void ends.add(listener),
    close: async () => {
      // Whoever waits to try again does not keep the process alive, and so must not be waited for.
      closing.abort();
      await reopening;
      await current?.close();
    },
  };
}
