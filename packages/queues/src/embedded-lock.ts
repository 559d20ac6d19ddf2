import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ConfigError, InfrastructureError } from "@penstock/core/errors";

/*
 * The embedded queue belongs to one process. What protects its folder is a lock of the operating system, which vanishes
 * with the process however that ends, so that no process number has to be judged alive or dead (numbers are used again,
 * and mean nothing across containers). Node offers no such lock of its own; SQLite's exclusive one on an empty database
 * is one. Beside it lies `penstock.lock`, which only tells others whom to ask.
 */

export type EmbeddedLockInfo = {
  pid: number;
  /** ISO. */
  startedAt: string;
  /** Where the process' health server answers. */
  healthUrl?: string;
};

export type EmbeddedLock = {
  update(change: Pick<EmbeddedLockInfo, "healthUrl">): Promise<void>;
  release(): Promise<void>;
};

const busyTimeoutMs = 1_000;
const infoFile = (dataDir: string) => join(dataDir, "penstock.lock");
const lockFile = (dataDir: string) => join(dataDir, "queue.lock");

/**
 * Takes the data folder for this process, creating it when missing.
 *
 * @throws ConfigError `DATA_DIR_IN_USE`, naming the process that has it; `CONFIG_INVALID` when nothing can be written there
 */
export async function acquireEmbeddedLock(dataDir: string): Promise<EmbeddedLock> {
  const lock = await openLock(dataDir);
  if (!tryExclusive(lock, dataDir)) {
    lock.close();
    throw inUse(dataDir, await readInfo(dataDir));
  }
  let info: EmbeddedLockInfo = { pid: process.pid, startedAt: new Date().toISOString() };
  await writeInfo(dataDir, info);
  return {
    update: async (change) => {
      info = { ...info, ...change };
      await writeInfo(dataDir, info);
    },
    release: async () => {
      if (!lock.isOpen) return;
      await rm(infoFile(dataDir), { force: true });
      lock.close();
    },
  };
}

/**
 * Who has the data folder open, `undefined` when nobody has. What a killed process left is not taken for a living one.
 */
export async function readEmbeddedLock(dataDir: string): Promise<EmbeddedLockInfo | undefined> {
  const info = await readInfo(dataDir);
  if (info === undefined) return undefined;
  const lock = new DatabaseSync(lockFile(dataDir), { timeout: 0 });
  try {
    return isLocked(lock, dataDir) ? info : undefined;
  } finally {
    lock.close();
  }
}

async function openLock(dataDir: string): Promise<DatabaseSync> {
  try {
    await mkdir(dataDir, { recursive: true });
    return new DatabaseSync(lockFile(dataDir), { timeout: busyTimeoutMs });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError("CONFIG_INVALID", `the data folder ${dataDir} cannot be used: ${reason}`, {
      cause,
      remedy: "correct PENSTOCK_DATA_DIR, or who may write there",
    });
  }
}

function tryExclusive(lock: DatabaseSync, dataDir: string): boolean {
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    return refuseUnlessBusy(error, dataDir);
  }
}

/** Reading needs a shared lock, held for an instant: whoever starts meanwhile waits that long. */
function isLocked(lock: DatabaseSync, dataDir: string): boolean {
  try {
    lock.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    return !refuseUnlessBusy(error, dataDir);
  }
}

const sqliteBusy = 5;

function refuseUnlessBusy(cause: unknown, dataDir: string): false {
  if (cause instanceof Error && "errcode" in cause && cause.errcode === sqliteBusy) return false;
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new InfrastructureError("QUEUE_UNAVAILABLE", `cannot lock the data folder ${dataDir}: ${reason}`, {
    cause,
    remedy: "see to it that its disk has room, and that this user may write there",
  });
}

function inUse(dataDir: string, owner: EmbeddedLockInfo | undefined): ConfigError {
  const who = owner === undefined ? "another process" : `process ${owner.pid}, running since ${owner.startedAt}`;
  return new ConfigError("DATA_DIR_IN_USE", `the data folder ${dataDir} is in use by ${who}`);
}

async function readInfo(dataDir: string): Promise<EmbeddedLockInfo | undefined> {
  try {
    return parseInfo(await readFile(infoFile(dataDir), "utf8"));
  } catch (error) {
    // A file where the folder should be holds no lock either: that nothing can be written there is said by who writes.
    if (error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR"].includes(String(error.code)))
      return undefined;
    throw error;
  }
}

/** Other text than ours tells nothing, which is no reason to fail: the lock itself is elsewhere. */
function parseInfo(text: string): EmbeddedLockInfo | undefined {
  try {
    const { pid, startedAt, healthUrl }: Partial<EmbeddedLockInfo> = JSON.parse(text);
    if (typeof pid !== "number" || typeof startedAt !== "string") return undefined;
    return { pid, startedAt, ...(typeof healthUrl === "string" ? { healthUrl } : {}) };
  } catch {
    return undefined;
  }
}

/** By renaming, so that nobody reads half of it. */
async function writeInfo(dataDir: string, info: EmbeddedLockInfo): Promise<void> {
  const draft = `${infoFile(dataDir)}.new`;
  await writeFile(draft, `${JSON.stringify(info)}\n`);
  await rename(draft, infoFile(dataDir));
}
