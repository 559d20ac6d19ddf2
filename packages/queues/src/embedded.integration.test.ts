import { access, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openQueueBackend, type QueueSettings } from "./backend.ts";
import { fetchQueue } from "./catalog.ts";
import { createQueues } from "./create-queues.ts";
import { acquireEmbeddedLock, readEmbeddedLock } from "./embedded-lock.ts";
import { type HeldProcess, holdJobs } from "./held-process.ts";
import { fetchJob } from "./sample-jobs.ts";
import { startWorker } from "./worker.ts";

const options = { concurrency: 1, attempts: 3, backoff: { initialMs: 10, maxMs: 20 } };
let dataDir: string;
let settings: QueueSettings;
let other: HeldProcess | undefined;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "penstock-embedded-"));
  settings = { kind: "embedded", dataDir };
});

afterEach(async () => {
  await other?.kill();
  other = undefined;
  await rm(dataDir, { recursive: true, force: true });
});

test("a queue in use refuses a second process and names the first; a killed one gives way at once", async () => {
  other = holdJobs(settings, fetchQueue("s"));
  await other.heard("open");
  await expect(openQueueBackend(settings)).rejects.toMatchObject({ code: "DATA_DIR_IN_USE" });
  await expect(openQueueBackend(settings)).rejects.toThrow(`process ${other.pid}`);
  expect(await readEmbeddedLock(dataDir)).toMatchObject({ pid: other.pid });
  await other.kill();
  expect(await readEmbeddedLock(dataDir)).toBeUndefined();
  const backend = await openQueueBackend(settings);
  expect(await readEmbeddedLock(dataDir)).toMatchObject({ pid: process.pid });
  await backend.close();
});

test("jobs that a killed process left active are released at once, and those of this process are not", async () => {
  const first = await openQueueBackend(settings);
  await createQueues(first, { sources: ["s"] }).enqueue([fetchJob("s", { seq: 1 })]);
  await first.close();
  other = holdJobs(settings, fetchQueue("s"));
  await other.heard("active");
  await other.kill();

  const backend = await openQueueBackend(settings);
  const queues = createQueues(backend, { sources: ["s"] });
  expect((await queues.depths())[1]).toMatchObject({ queue: "fetch.s", active: 1, waiting: 0 });
  expect(await queues.releaseActive()).toBe(1);
  expect((await queues.depths())[1]).toMatchObject({ active: 0, waiting: 1 });

  const stalls: number[] = [];
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const handle = async (_: unknown, context: { stalls: number }) => {
    stalls.push(context.stalls);
    await released;
  };
  const worker = startWorker(backend, {
    queue: fetchQueue("s"),
    handlers: { fetch: { handle, settle: async () => undefined } },
    options,
  });
  await waitUntil(() => stalls.length === 1, { what: "the job to be taken again" });
  expect(await queues.releaseActive()).toBe(0);
  expect(stalls).toEqual([1]);
  release();
  expect(await worker.stop(5_000)).toBe(true);
  expect((await queues.depths())[1]).toMatchObject({ active: 0, waiting: 0 });
  await backend.close();
});

test("a damaged queue is set aside", async () => {
  const first = await openQueueBackend(settings);
  await first.close();
  await writeFile(join(dataDir, "queue", "PG_VERSION"), "nonsense");
  await writeFile(join(dataDir, "queue", "global", "pg_control"), "nonsense");
  const warnings: string[] = [];
  const logger = { warn: (_: object, message: string) => void warnings.push(message) };
  const backend = await openQueueBackend(settings, { logger });
  await backend.ping();
  expect(warnings).toEqual(["embedded queue cannot be opened, starting with an empty one"]);
  await backend.close();
});

describe("the lock", () => {
  test("tells where its holder is to be asked", async () => {
    const lock = await acquireEmbeddedLock(dataDir);
    await lock.update({ healthUrl: "http://127.0.0.1:9/" });
    expect(await readEmbeddedLock(dataDir)).toMatchObject({ pid: process.pid, healthUrl: "http://127.0.0.1:9/" });
    await lock.release();
    await lock.release();
    expect(await readEmbeddedLock(dataDir)).toBeUndefined();
    await expect(access(join(dataDir, "penstock.lock"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("is exclusive within a process too", async () => {
    const lock = await acquireEmbeddedLock(dataDir);
    await expect(acquireEmbeddedLock(dataDir)).rejects.toMatchObject({ code: "DATA_DIR_IN_USE" });
    await lock.release();
    await (await acquireEmbeddedLock(dataDir)).release();
  });

  test("a folder that is none is the configuration's fault; who only looks finds nobody", async () => {
    const file = join(dataDir, "file");
    await writeFile(file, "");
    expect(await readEmbeddedLock(file)).toBeUndefined();
    await expect(acquireEmbeddedLock(file)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(file),
      remedy: expect.stringContaining("PENSTOCK_DATA_DIR"),
    });
    const taken = join(dataDir, "taken");
    await mkdir(join(taken, "queue.lock"), { recursive: true });
    await expect(acquireEmbeddedLock(taken)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("does not take what is left of one, by whomever, for a process that lives", async () => {
    await writeFile(
      join(dataDir, "penstock.lock"),
      JSON.stringify({ pid: process.pid, startedAt: new Date().toISOString() }),
    );
    expect(await readEmbeddedLock(dataDir)).toBeUndefined();
    await (await acquireEmbeddedLock(dataDir)).release();
  });
});
