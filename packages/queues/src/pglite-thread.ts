import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { InfrastructureError } from "@penstock/core/errors";

/** What is used of a PGlite: a Postgres in this process, with one session. */
export type PgliteSession = {
  /** One statement, with parameters `$1, $2, …`. */
  query(text: string, params?: unknown[]): Promise<{ rows: unknown[] }>;
  /** Statements without parameters; of the last one the rows. */
  exec(text: string): Promise<{ rows: unknown[] }[]>;
  /** Returns how to hear no more of them. */
  onNotification(listener: (channel: string, payload: string) => void): () => void;
};

export type PgliteThread = PgliteSession & {
  /** Resolves, with the reason, when there is nobody left to ask: after `close` too. */
  ended: Promise<Error>;
  close(): Promise<void>;
  /** At once, as a killed server: what was committed is found by whoever opens the folder next. */
  kill(): Promise<void>;
};

export type Asked = { id: number } & (
  | { kind: "query"; text: string; params: readonly unknown[] }
  | { kind: "exec"; text: string }
  | { kind: "close" }
);
export type Failure = { message: string; stack?: string; code?: string; severity?: string };
export type Told =
  | { kind: "open" }
  | { kind: "answer"; id: number; rows: unknown[] }
  | { kind: "failure"; id: number; failure: Failure }
  | { kind: "notification"; channel: string; payload: string };

/**
 * Opens the PGlite in `folder` in a thread of its own: it computes while it answers, some milliseconds for each job, which this thread has
 * better uses for. What is asked is answered in its order.
 *
 * @throws Error what PGlite says when it cannot be opened
 * @throws InfrastructureError `QUEUE_UNAVAILABLE`, from what is asked of a thread that has ended
 */
export async function openPgliteThread(folder: string): Promise<PgliteThread> {
  const worker = new Worker(new URL("./pglite-thread-main.ts", import.meta.url), { workerData: { folder } });
  // What is wrong while it opens is an error of the worker; one that ended without a word would be waited for for ever.
  const gone = once(worker, "exit").then(() => Promise.reject(new Error("the thread ended while it opened")));
  gone.catch(() => undefined);
  await Promise.race([once(worker, "message"), gone]);
  const listeners = new Set<(channel: string, payload: string) => void>();
  const waiting = createWaiting(worker);
  worker.on("message", (told: Told) => {
    if (told.kind === "answer") waiting.take(told.id)?.resolve(told.rows);
    else if (told.kind === "failure") waiting.take(told.id)?.reject(Object.assign(new Error(), told.failure));
    else if (told.kind === "notification") for (const listener of listeners) listener(told.channel, told.payload);
  });
  const { ask, ended } = waiting;
  return {
    query: async (text, params = []) => ({ rows: await ask({ kind: "query", text, params }) }),
    exec: async (text) => [{ rows: await ask({ kind: "exec", text }) }],
    onNotification: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    ended,
    close: async () => {
      const exited = once(worker, "exit");
      await ask({ kind: "close" });
      worker.ref();
      await exited;
    },
    kill: async () => void (await worker.terminate()),
  };
}

type Answer = PromiseWithResolvers<unknown[]>;
type Question = Asked extends infer Each ? (Each extends Asked ? Omit<Each, "id"> : never) : never;

/** What is asked and not answered. The thread keeps the process alive as long as there is any, as a connection would. */
function createWaiting(worker: Worker): {
  ended: Promise<Error>;
  ask(question: Question): Promise<unknown[]>;
  take(id: number): Answer | undefined;
} {
  const waiting = new Map<number, Answer>();
  let asked = 0;
  const { promise, resolve } = Promise.withResolvers<Error>();
  let ended: InfrastructureError | undefined;
  const end = (cause?: unknown) => {
    ended ??= new InfrastructureError("QUEUE_UNAVAILABLE", "the thread of the embedded queue has ended", { cause });
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
    resolve(ended);
  };
  worker.on("error", end);
  worker.on("exit", () => end());
  worker.unref();
  return {
    ended: promise,
    ask: (question) => {
      if (ended !== undefined) return Promise.reject(ended);
      const answer: Answer = Promise.withResolvers();
      const id = asked++;
      if (waiting.size === 0) worker.ref();
      waiting.set(id, answer);
      worker.postMessage({ id, ...question } satisfies Asked);
      return answer.promise;
    },
    take: (id) => {
      const answer = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) worker.unref();
      return answer;
    },
  };
}
