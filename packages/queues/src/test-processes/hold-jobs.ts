import { openQueueBackend, type QueueSettings } from "../backend.ts";
import { startWorker } from "../worker.ts";

/*
 * A process for tests to kill: takes jobs of a queue and never ends them. Tells its parent `open` when the queue is
 * open, and `active` with each job it takes.
 */

type Order = { settings: QueueSettings; queue: string };

process.once("message", (order: Order) => void hold(order));

async function hold({ settings, queue }: Order): Promise<void> {
  const backend = await openQueueBackend(settings);
  process.send?.("open");
  const handle = () => {
    process.send?.("active");
    return new Promise<never>(() => undefined);
  };
  startWorker(backend, {
    queue,
    handlers: { fetch: { handle, settle: async () => undefined } },
    options: {
      concurrency: 1,
      attempts: 3,
      backoff: { initialMs: 10, maxMs: 20 },
      lockDurationMs: 1_000,
      stalledIntervalMs: 200,
    },
  });
}
