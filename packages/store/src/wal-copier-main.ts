import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import type { Asked } from "./wal-copier.ts";

// Run by createWalCopier as a thread of its own.
const db = new Database(workerData.path, { fileMustExist: true });
// In WAL mode it is safe: see writerPragmas.
db.pragma("synchronous = NORMAL");

parentPort?.on("message", (asked: Asked) => {
  if (asked === "close") {
    db.close();
    parentPort?.close();
    return;
  }
  // As far as it gets without waiting for anybody, or anybody for it.
  db.pragma("wal_checkpoint(PASSIVE)");
  parentPort?.postMessage("copied");
});
