import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { InfrastructureError } from "@penstock/core/errors";
import { databaseTargets } from "@penstock/testing/databases";
import { canStartOwn, startOwnPostgres } from "@penstock/testing/servers";
import { testDir } from "@penstock/testing/temp-dir";
import { describe, expect, test } from "vitest";
import { openStore } from "./open-store.ts";
import { pagesFor, partition } from "./page-of.ts";
import type { Store } from "./store.ts";

const migrationsRoot = join(import.meta.dirname, "../../../prisma");
const live = { ...partition, mode: "incremental", takeOver: "none" } as const;

describe.each(databaseTargets())("opening $name", ({ name, create }) => {
  const pageOf = pagesFor(name);
  async function withDatabase(work: (url: string) => Promise<void>): Promise<void> {
    const database = await create();
    try {
      await work(database.url);
    } finally {
      await database.drop();
    }
  }
  async function using(url: string, work: (store: Store) => Promise<void>, isReadOnly = false): Promise<void> {
    const store = await openStore({ url, migrationsRoot, isReadOnly });
    try {
      await work(store);
    } finally {
      await store.close();
    }
  }

  test("for looking only: nothing there is DATABASE_MISSING, and nothing is created", () =>
    withDatabase(async (url) => {
      await expect(openStore({ url, migrationsRoot, isReadOnly: true })).rejects.toMatchObject({
        name: "ConfigError",
        code: "DATABASE_MISSING",
      });
      await expect(openStore({ url, migrationsRoot, isReadOnly: true })).rejects.toMatchObject({
        code: "DATABASE_MISSING",
      });
    }));

  test("for looking only: reads beside a writer", () =>
    withDatabase((url) =>
      using(url, async (writer) => {
        const { run } = await writer.startRun(live);
        await using(
          url,
          async (reader) => {
            expect(await reader.streamStates()).toMatchObject([{ lastRun: { runId: run.runId } }]);
            await writer.commitPage(pageOf(run));
            expect(await reader.queryView("SELECT count(*) AS n FROM records")).toEqual([{ n: 3 }]);
          },
          true,
        );
      }),
    ));

  test("queryView cannot write", () =>
    withDatabase((url) =>
      using(url, async (store) => {
        await store.startRun(live);
        await expect(store.queryView("DELETE FROM runs")).rejects.toThrow();
        await expect(store.queryView("DELETE FROM runs RETURNING id")).rejects.toThrow();
        expect(await store.liveRuns()).toHaveLength(1);
      }),
    ));

  test("from four processes at once", () =>
    withDatabase(async (url) => {
      const script = `import { openStore } from ${JSON.stringify(join(import.meta.dirname, "open-store.ts"))};
        const store = await openStore({ url: process.argv[1], migrationsRoot: process.argv[2] });
        await store.startRun({ source: "s", stream: "t", partition: "live", mode: "incremental", takeOver: "none" });
        await store.close();`;
      const open = () =>
        promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, "--", url, migrationsRoot]);
      await Promise.all([open(), open(), open(), open()]);
      await using(url, async (store) => {
        expect(await store.listRuns({ limit: 9 })).toHaveLength(1);
        const twice = 'SELECT migration_name FROM "_prisma_migrations" GROUP BY migration_name HAVING count(*) > 1';
        expect(await store.queryView(twice)).toEqual([]);
      });
    }));

  if (name === "postgresql")
    test("instants are the same whatever the server's time zone", () =>
      withDatabase(async (url) => {
        const elsewhere = new URL(url);
        elsewhere.searchParams.set("options", "-c TimeZone=Asia/Kolkata");
        await using(elsewhere.href, async (store) => {
          const { run } = await store.startRun(live);
          await store.noteApiStart(run.runId, new Date("2026-01-01T12:00:00Z"));
          await store.commitPage(pageOf(run, { watermark: new Date("2026-01-01T06:00:00Z") }));
          expect((await store.readRun(run.runId))?.run.apiStartedAt).toEqual(new Date("2026-01-01T12:00:00Z"));
          expect((await store.listRuns({ limit: 1 }))[0]?.apiStartedAt).toEqual(new Date("2026-01-01T12:00:00Z"));
          expect((await store.checkpoint("s", "t", "live"))?.watermark).toEqual(new Date("2026-01-01T06:00:00Z"));
          const [row] = await store.queryView(
            "SELECT observed_at = '2026-01-01T00:00:00Z'::timestamptz AS same FROM records LIMIT 1",
          );
          expect(row).toEqual({ same: true });
        });
      }));

  if (name === "postgresql")
    test("a wrong password, user or database is the configuration's fault, and no secret is shown", () =>
      withDatabase(async (url) => {
        const wrong = (change: (url: URL) => void) => {
          const changed = new URL(url);
          change(changed);
          return openStore({ url: changed.href, migrationsRoot });
        };
        await expect(wrong((each) => (each.pathname = "/no_such_database"))).rejects.toMatchObject({
          name: "ConfigError",
          message: expect.stringContaining("no_such_database"),
        });
        const failure: unknown = await wrong((each) => (each.password = "hush")).catch((error: unknown) => error);
        expect(failure).toMatchObject({ name: "ConfigError", code: "CONFIG_INVALID" });
        expect(String(failure)).not.toContain("hush");
      }));
});

test("a file that is no database is named", async () => {
  const path = join(await testDir(), "notes.txt");
  await writeFile(path, "just some text that is long enough to look like a header of something else".repeat(20));
  await expect(openStore({ url: `file:${path}`, migrationsRoot })).rejects.toMatchObject({
    name: "ConfigError",
    message: expect.stringContaining("notes.txt"),
  });
});

test("a folder instead of a file is the configuration's fault", async () => {
  const path = await testDir();
  const wrong = { name: "ConfigError", code: "CONFIG_INVALID", message: expect.stringContaining(path) };
  for (const isReadOnly of [true, false])
    await expect(openStore({ url: `file:${path}`, migrationsRoot, isReadOnly })).rejects.toMatchObject(wrong);
});

test("a folder that cannot be made is an error that names it", async () => {
  const path = join(await testDir(), "file");
  await writeFile(path, "");
  await expect(openStore({ url: `file:${path}/penstock.db`, migrationsRoot })).rejects.toMatchObject({
    name: "ConfigError",
    message: expect.stringContaining(path),
  });
});

test.runIf(canStartOwn("postgres"))(
  "a Postgres that goes away is InfrastructureError until it is back",
  async () => {
    const server = await startOwnPostgres();
    const store = await openStore({ url: server.url, migrationsRoot });
    const pageOf = pagesFor("postgresql");
    try {
      const { run } = await store.startRun(live);
      await server.kill();
      await expect(store.ping()).rejects.toBeInstanceOf(InfrastructureError);
      await expect(store.commitPage(pageOf(run))).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
      await expect(store.readRun(run.runId)).rejects.toBeInstanceOf(InfrastructureError);
      await server.start();
      expect((await store.commitPage(pageOf(run))).account.inserted).toBe(3);
      const busy = Promise.allSettled(
        Array.from({ length: 12 }, (_, seq) => store.commitPage(pageOf(run, { seq: seq + 1 }))),
      );
      await server.kill();
      for (const outcome of await busy)
        if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(InfrastructureError);
    } finally {
      await store.close();
      await server.close();
    }
  },
  60_000,
);
