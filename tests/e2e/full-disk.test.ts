import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startExternalApi } from "@penstock/testing/simulators/external-api";
import { canMountDisk, mountDisk } from "@penstock/testing/small-disk";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { expect, test } from "vitest";
import { jsonLines, penstock, startPenstock } from "./penstock.ts";

/* The embedded queue on a disk that is full for a while, under a process that stays. */

const pageSize = 20;
/** Postgres writes its log in files of 16 MB: with less room than that it cannot begin another, and ends. */
const roomBytes = 15_500_000;
/** Does not compress, so that the log grows. */
const record = (number: number) => ({
  id: `record-${number}`,
  ts: new Date(Date.UTC(2026, 0, 1) + number * 1_000).toISOString(),
  value: number,
  meta: { ballast: randomBytes(9_000).toString("base64") },
});

/** How much is written of the newest file of the log, in bytes; the rest are zeros. */
async function logUsed(folder: string): Promise<number> {
  const files = (await readdir(folder)).filter((name) => /^[\dA-F]{24}$/.test(name)).sort();
  const newest = await readFile(join(folder, files.at(-1) ?? ""));
  return newest.findLastIndex((byte) => byte !== 0) + 1;
}

test.runIf(canMountDisk())("what is up waits, says so, and goes on by itself once there is room", async () => {
  await using stack = new AsyncDisposableStack();
  const disk = stack.use(await mountDisk(200));
  const records = Array.from({ length: 200 * pageSize }, (_, number) => record(number));
  const api = stack.use(await startExternalApi({ records, slowness: () => 20 }));
  const env = {
    PENSTOCK_DATA_DIR: disk.folder,
    DATABASE_URL: `file:${join(await testDir(), "penstock.db")}`,
    API_BASE_URL: api.url,
    USGS_BASE_URL: api.url,
    BATCH_SIZE: String(pageSize),
    PENSTOCK_HTTP_PORT: "0",
    PENSTOCK_API_PORT: "0",
  };
  const { child, ended } = startPenstock(["up"], env);
  stack.defer(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let told = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (told += text));
  const health = await waitUntil(() => /health and metrics: (\S+)/.exec(told)?.[1], {
    what: "up to run",
    timeoutMs: 60_000,
  });
  const isReady = async () => (await fetch(`${health}/health/ready`)).ok;

  await waitUntil(() => api.requests.length > 5, { what: "some pages", timeoutMs: 60_000 });
  expect(await isReady()).toBe(true);
  // Then the log needs another file before the tables have taken the room that is left. The process stands still while that is looked at
  // and the disk is filled, or the log would come to its next file meanwhile.
  const log = join(disk.folder, "queue/pg_wal");
  const stopsHalfFull = async () => {
    child.kill("SIGSTOP");
    const used = await logUsed(log);
    if (used > 7_000_000 && used < 12_000_000) return true;
    child.kill("SIGCONT");
    return false;
  };
  await waitUntil(stopsHalfFull, { what: "a file half full", timeoutMs: 60_000 });
  await disk.fill(roomBytes);
  child.kill("SIGCONT");
  await waitUntil(() => told.includes("the thread of the embedded queue has ended"), {
    what: "the queue to end",
    timeoutMs: 60_000,
  });
  expect(await isReady()).toBe(false);
  const asked = api.requests.length;
  await delay(3_000);
  expect(api.requests.length).toBeLessThan(asked + 5);
  await disk.makeRoom();
  const stream = async () => {
    const [status] = jsonLines(await penstock(["status", "--json"], env)) as [{ streams: Record<string, unknown>[] }];
    return status.streams.find(({ source }) => source === "external_api");
  };
  const last = new Date(records.at(-1)?.ts ?? "").toISOString();
  await waitUntil(async () => (await stream())?.["checkpoint"] === last, {
    what: "the checkpoint at the last record",
    timeoutMs: 60_000,
    // Each look is a process that starts, and takes from the one that it waits for.
    intervalMs: 2_000,
  });
  expect(await isReady()).toBe(true);
  expect(await stream()).toMatchObject({ deadLetters: 0 });
  child.kill("SIGTERM");
  expect((await ended).code).toBe(0);
  expect((await readdir(disk.folder)).filter((name) => name.includes("damaged"))).toEqual([]);
});
