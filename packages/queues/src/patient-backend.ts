import { setTimeout as delay } from "node:timers/promises";
import { type IQueueBackend, SchemaMigrationRequiredError, SchemaVersionMismatchError } from "bullmq";

const retryMs = 500;

/** How long a worker may wait without asking, in seconds. */
const longestBlock = 10;

/**
 * BullMQ remembers for ever that a queue, producer or worker could not get ready, as happens to one that is made while the server
 * stops: it would fail at everything from then on, and a worker would never take a job. Here it tries again until the server is back.
 *
 * A worker that could not wait for jobs would then do so for an hour, relying on notifications and on two questions whose failure it
 * ignores; it must not wait so long.
 */
export function patientBackend(backend: IQueueBackend, isEnding: () => boolean): IQueueBackend {
  const waitUntilReady = backend.waitUntilReady.bind(backend);
  const forget = () => {
    Reflect.set(backend, "readyPromise", undefined);
    Reflect.set(Reflect.get(backend, "connection"), "readyPromise", undefined);
  };
  let getting: Promise<void> | undefined;
  const getReady = async (): Promise<void> => {
    for (;;) {
      try {
        return await waitUntilReady();
      } catch (error) {
        if (isEnding() || isIncompatible(error)) throw error;
        forget();
        await delay(retryMs);
      }
    }
  };
  backend.waitUntilReady = () => (getting ??= getReady());
  Object.defineProperty(backend, "maximumBlockTimeout", { value: longestBlock });
  return backend;
}

function isIncompatible(error: unknown): boolean {
  return error instanceof SchemaMigrationRequiredError || error instanceof SchemaVersionMismatchError;
}
