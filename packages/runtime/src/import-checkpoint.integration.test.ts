import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "@penstock/config/config";
import { livePartition } from "@penstock/core/run";
import { openStore } from "@penstock/store/open-store";
import type { Store } from "@penstock/store/store";
import { createLogger } from "@penstock/telemetry/logger";
import { databaseTargets } from "@penstock/testing/databases";
import { testDir } from "@penstock/testing/temp-dir";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { importCheckpoint } from "./import-checkpoint.ts";
import { loadUsableSources } from "./usable-sources.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const bound = "2026-01-31T12:00:00.000Z";
const note = /the checkpoint now lives in the database/;

describe.each(databaseTargets())("CHECKPOINT_FILE on $name", ({ create }) => {
  const stack = new AsyncDisposableStack();
  let store: Store;
  beforeEach(async () => {
    const { url } = stack.adopt(await create(), (created) => created.drop());
    store = stack.adopt(await openStore({ url, migrationsRoot }), (opened) => opened.close());
  });
  afterAll(() => stack.disposeAsync());

  /** The bound after a start with such a file (`undefined`: none), and what was said at the level of commands. */
  async function startWith(content: string | undefined, env = { API_BASE_URL: "http://127.0.0.1:9" }) {
    const cwd = await testDir();
    if (content !== undefined) await writeFile(join(cwd, "checkpoint"), content);
    const config = loadConfig({ env: { ...env, CHECKPOINT_FILE: "checkpoint" }, cwd });
    let said = "";
    const destination = { write: (text: string) => (said += text) };
    const logger = createLogger({ app: "test", level: "warn", format: "json", destination });
    await importCheckpoint(store, config, (await loadUsableSources(config)).sources, logger);
    await rm(cwd, { recursive: true });
    return { bound: (await store.checkpoint("external_api", "data", livePartition))?.bound ?? null, said };
  }

  test.each([
    "2026-01-31T12:00:00Z\n",
    '"2026-01-31T13:00:00+01:00"',
    '{"cursor": "2026-01-31T12:00:00Z"}',
    '{"last_ts": "2026-01-31 12:00:00", "page": 7}',
    "1769860800",
    "1769860800000",
  ])("%j is imported, and says so", async (content) => {
    const started = await startWith(content);
    expect(started).toEqual({ bound, said: expect.stringMatching(note) });
  });

  test("once: later files, wrong ones and none are not looked at", async () => {
    await startWith(bound);
    for (const content of ["2027-01-01T00:00:00Z", "no time", undefined])
      expect(await startWith(content)).toEqual({ bound, said: "" });
  });

  test("not when the stream has begun, though it was set back to the beginning", async () => {
    const partition = { source: "external_api", stream: "data", partition: livePartition };
    const { run } = await store.startRun({ ...partition, mode: "incremental", takeOver: "none" });
    await store.endRun(run.runId, { status: "failed" });
    expect(await startWith(bound)).toEqual({ bound: null, said: "" });
  });

  test("not before the source is configured", async () => {
    expect(await startWith(bound, { API_BASE_URL: "" })).toEqual({ bound: null, said: "" });
    expect(await startWith(bound)).toMatchObject({ bound });
  });

  test("a file that is not there is said, one that is empty is the beginning, one without a cursor is refused", async () => {
    expect(await startWith(undefined)).toEqual({ bound: null, said: expect.stringContaining("does not exist") });
    expect(await startWith(" \n")).toEqual({ bound: null, said: "" });
    for (const content of ["no time", "{}", "[]", '{"cursor": true}']) {
      await expect(startWith(content)).rejects.toMatchObject({
        code: "CONFIG_INVALID",
        message: expect.stringContaining("holds no cursor"),
        remedy: expect.stringContaining("correct CHECKPOINT_FILE"),
      });
    }
  });
});
