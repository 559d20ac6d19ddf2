import { Worker } from "node:worker_threads";

/**
 * Copies what was committed from SQLite's log into the database file (a checkpoint, in SQLite's words), in a thread with a connection of its
 * own. Left to SQLite, whoever commits does it each time the log is full, and its event loop stands still: a quarter of the time of
 * a page. It still does, but finds next to nothing to copy, and the log can begin anew, which only who writes can have it do:
 * https://sqlite.org/wal.html#ckpt
 */
export type WalCopier = {
  /** Told how much was committed; roughly, and of pages only. */
  noteWritten(bytes: number): void;
  close(): Promise<void>;
};

export type Asked = "copy" | "close";

/** A few pages. Those of the file that each of ours changes are written once for all of them. */
const copiedTogether = 1_000_000;

export function createWalCopier(path: string): WalCopier {
  let worker: Worker | undefined;
  let isCopying = false;
  let written = 0;

  const start = () => {
    const started = new Worker(new URL("./wal-copier-main.ts", import.meta.url), { workerData: { path } });
    started.unref();
    started.on("message", () => {
      isCopying = false;
    });
    // What is wrong with the file or its disk is met by whoever writes too, who says so; here it is tried again with the next pages.
    started.on("error", () => {
      worker = undefined;
      isCopying = false;
    });
    return started;
  };

  return {
    noteWritten: (bytes) => {
      written += bytes;
      if (isCopying || written < copiedTogether) return;
      worker ??= start();
      isCopying = true;
      written = 0;
      worker.postMessage("copy" satisfies Asked);
    },
    close: async () => {
      const closing = worker;
      if (closing === undefined) return;
      // Closed twice, it would wait for an end that has been.
      worker = undefined;
      const gone = Promise.withResolvers<number>();
      closing.once("exit", gone.resolve);
      closing.ref();
      closing.postMessage("close" satisfies Asked);
      await gone.promise;
    },
  };
}
