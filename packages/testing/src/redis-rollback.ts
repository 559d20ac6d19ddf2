import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { TestServer } from "./server-kinds.ts";

/**
 * A way back to what a Redis holds now: how one that lost power comes up again, with the last seconds missing from its append-only
 * file. Where that file is out of reach, in a container, its keys are put back instead.
 */
export function rememberRedis(server: TestServer): Promise<() => Promise<void>> {
  return server.dataDir === undefined ? rememberKeys(server.url) : rememberFiles(server, server.dataDir);
}

async function rememberFiles(server: TestServer, dataDir: string): Promise<() => Promise<void>> {
  const files = join(dataDir, "appendonlydir");
  const kept = await mkdtemp(join(tmpdir(), "penstock-aof-"));
  await cp(files, kept, { recursive: true });
  return async () => {
    await server.kill();
    await rm(files, { recursive: true });
    await cp(kept, files, { recursive: true });
    await rm(kept, { recursive: true });
    await server.start();
  };
}

async function rememberKeys(url: string): Promise<() => Promise<void>> {
  const redis = new Redis(url);
  try {
    const keys = await redis.keys("*");
    const entries = await Promise.all(
      keys.map(async (key) => ({ key, dump: await redis.dumpBuffer(key), leftMs: await redis.pttl(key) })),
    );
    return () => bringBack(url, entries);
  } finally {
    await redis.quit();
  }
}

type RedisEntry = { key: string; dump: Buffer | null; leftMs: number };

/** All at once, and every client has to connect again and to load its scripts, as after a restart. */
async function bringBack(url: string, entries: RedisEntry[]): Promise<void> {
  const redis = new Redis(url);
  try {
    const all = redis.multi().flushall().script("FLUSH");
    for (const { key, dump, leftMs } of entries) if (dump !== null) all.restore(key, Math.max(0, leftMs), dump);
    await all.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").exec();
  } finally {
    await redis.quit();
  }
}
