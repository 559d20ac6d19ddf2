import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PassThrough } from "node:stream";
import { openQueueBackend } from "@penstock/queues/backend";
import { createQueues } from "@penstock/queues/create-queues";
import { transformJob } from "@penstock/queues/sample-jobs";
import { loadConfiguration } from "@penstock/runtime/load-configuration";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { freePort } from "@penstock/testing/free-port";
import { canStartOwn, startOwnRedis } from "@penstock/testing/servers";
import { startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { doctor } from "../commands/doctor.ts";
import type { Finding } from "./diagnose.ts";

const stack = new AsyncDisposableStack();
const sourcesModule = join(import.meta.dirname, "../../../../packages/source/src/define-source.ts");
const zodModule = import.meta.resolve("zod");
let dir: string;
let env: Record<string, string>;

beforeAll(async () => {
  dir = stack.adopt(await mkdtemp(join(tmpdir(), "penstock-doctor-")), (folder) => rm(folder, { recursive: true }));
  const api = stack.use(await startLoopbackServer((_request, response) => response.writeHead(403).end()));
  env = { PENSTOCK_DATA_DIR: join(dir, "data"), PENSTOCK_SOURCES_DIR: dir };
  await writeSource("shop", `baseUrl: "${api.url}"`);
});
afterAll(() => stack.disposeAsync());

const writeSource = (name: string, fields: string) =>
  writeFile(
    join(dir, `${name}.ts`),
    `import { defineSource } from ${JSON.stringify(sourcesModule)};\nexport default defineSource({ name: "${name}", ${fields}, streams: {} });\n`,
  );

async function examine(more: Record<string, string> = {}): Promise<{ code: number; wrong: string[]; text: string }> {
  const written = new PassThrough();
  const out = Object.assign(written, { fd: 1 }) as unknown as NodeJS.WriteStream;
  const code = await doctor({ env: { ...env, ...more }, cwd: dir, out }, { json: true });
  const text = String(written.read());
  const { findings }: { findings: Finding[] } = JSON.parse(text);
  const wrong = findings
    .filter(({ severity }) => severity !== "ok")
    .map(({ check, severity }) => `${severity} ${check}`);
  return { code, wrong, text };
}

test("looks at what is really there, and writes nothing", async () => {
  expect(await examine()).toMatchObject({ code: 0, wrong: ["warning database"] });

  const store = await openConfiguredStore(await loadConfiguration({ env, cwd: dir }));
  await store.close();
  expect(await examine()).toMatchObject({ code: 0, wrong: [] });

  const database = new DatabaseSync(join(dir, "data/penstock.db"));
  database.exec(
    "DELETE FROM _prisma_migrations WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)",
  );
  database.close();
  expect(await examine()).toMatchObject({ code: 1, wrong: ["problem database"] });
});

test("finds a server that is away, without showing the password", async () => {
  const nobody = `127.0.0.1:${await freePort()}`;
  const addresses = { DATABASE_URL: `postgres://me:hunter2@${nobody}/db`, REDIS_URL: `redis://:hunter2@${nobody}/0` };
  const { code, wrong, text } = await examine(addresses);
  expect([code, wrong]).toEqual([1, ["problem database", "problem queue"]]);
  expect(text).not.toContain("hunter2");
});

// /proc is a file system with no room at all.
test.runIf(process.platform === "linux")("finds that the disk is full which SQLite is on", async () => {
  const { code, wrong, text } = await examine({ DATABASE_URL: "file:/proc/penstock.db" });
  expect([code, wrong]).toEqual([1, ["problem disk", "warning database"]]);
  expect(text).toContain("0.0 GB free in /proc");
});

test("finds sources that cannot be loaded or reached, and variables that are wrong", async () => {
  await writeSource("gone", `baseUrl: "http://127.0.0.1:${await freePort()}"`);
  await writeFile(join(dir, "broken.ts"), "export default 5;\n");
  const { wrong } = await examine();
  expect(wrong).toEqual(expect.arrayContaining(["problem sources", "warning api"]));
  expect(await examine({ PENSTOCK_HTTP_PORT: "many" })).toMatchObject({ code: 1, wrong: ["problem configuration"] });
});

describe.runIf(canStartOwn("redis"))("what is wrong with an installation", () => {
  let redis: Redis;
  let settings: Record<string, string>;
  const set = (name: string, value: string) => redis.config("SET", name, value);
  const answering = async (headers: Record<string, string>) =>
    stack.use(await startLoopbackServer((_request, response) => response.writeHead(200, headers).end("[]"))).url;
  const define = async (name: string, fields: string) => {
    const folder = await mkdtemp(join(dir, "planted-"));
    const imports = `import { defineSource } from ${JSON.stringify(sourcesModule)};\nimport { z } from ${JSON.stringify(zodModule)};`;
    await writeFile(
      join(folder, `${name}.ts`),
      `${imports}\nexport default defineSource({ name: "${name}", ${fields} });\n`,
    );
    return { PENSTOCK_SOURCES_DIR: folder };
  };
  beforeAll(async () => {
    const server = stack.adopt(await startOwnRedis(), (started) => started.close());
    redis = new Redis(server.url);
    stack.defer(() => redis.disconnect());
    await redis.config("SET", "appendonly", "yes");
    await redis.config("SET", "maxmemory-policy", "noeviction");
    const { PENSTOCK_SOURCES_DIR: folder } = await define("sound", `baseUrl: "${await answering({})}", streams: {}`);
    settings = { PENSTOCK_DATA_DIR: join(folder, "data"), PENSTOCK_SOURCES_DIR: folder, REDIS_URL: server.url };
    const store = await openConfiguredStore(await loadConfiguration({ env: settings, cwd: folder }));
    await store.close();
  });

  type Planted = [fault: string, plant: () => Promise<Record<string, string> | unknown>, found: string, remedy: RegExp];
  const planted: Planted[] = [
    [
      "a variable that is no number",
      async () => ({ PENSTOCK_HTTP_PORT: "many" }),
      "problem configuration",
      /correct these variables/,
    ],
    [
      "a folder of sources that is not there",
      async () => ({ PENSTOCK_SOURCES_DIR: "/nowhere/at/all" }),
      "warning sources",
      /PENSTOCK_SOURCES_DIR/,
    ],
    [
      "a source without its secret",
      async () => {
        const environment = "environment: z.object({ LOCKED_TOKEN: z.string() })";
        return await define("locked", `${environment}, define: () => ({ baseUrl: "http://127.0.0.1:9", streams: {} })`);
      },
      "warning secrets",
      /set these variables/,
    ],
    [
      "an API that does not answer",
      async () => await define("gone", `baseUrl: "http://127.0.0.1:${await freePort()}", streams: {}`),
      "warning api",
      /./,
    ],
    [
      "a clock that is an hour off",
      async () => {
        const date = new Date(Date.now() - 3_600_000).toUTCString();
        return await define("late", `baseUrl: "${await answering({ date })}", streams: {}`);
      },
      "problem api clock",
      /NTP/,
    ],
    [
      "a database that is away",
      async () => ({ DATABASE_URL: `postgres://me:hush@127.0.0.1:${await freePort()}/db` }),
      "problem database",
      /./,
    ],
    [
      "a database of a newer version",
      async () => {
        const database = new DatabaseSync(join(settings["PENSTOCK_DATA_DIR"] ?? "", "penstock.db"));
        database.exec(
          "UPDATE _prisma_migrations SET migration_name = '29990101000000_later' WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)",
        );
        database.close();
      },
      "problem database",
      /./,
    ],
    [
      "a queue that is away",
      async () => ({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` }),
      "problem queue",
      /./,
    ],
    ["a queue that asks for a password", () => set("requirepass", "hush"), "problem queue", /./],
    [
      "a queue that drops jobs for room",
      () => set("maxmemory-policy", "allkeys-lru"),
      "problem queue durability",
      /noeviction/,
    ],
    ["a queue that forgets", () => set("appendonly", "no"), "problem queue durability", /appendonly yes/],
    [
      "jobs that nobody works on",
      async () => {
        const job = transformJob("sound");
        await using opened = new AsyncDisposableStack();
        const url = settings["REDIS_URL"] ?? "";
        const backend = opened.adopt(await openQueueBackend({ kind: "redis", url }), (one) => one.close());
        await createQueues(backend, { sources: [] }).enqueue([job]);
        await redis.hset(`penstock:transform:${job.jobId}`, "timestamp", Date.now() - 60_000);
      },
      "warning workers",
      /start a transformer/,
    ],
    ["a queue that is nearly full", () => set("maxmemory", "2mb"), "warning queue durability", /PENSTOCK_BACKLOG_HIGH/],
  ];

  test("is nothing before anything is planted", async () => {
    expect(await examine(settings)).toMatchObject({ code: 0, wrong: [] });
  });

  test.each(planted)("%s is found, with what to do", async (_fault, plant, found, remedy) => {
    const file = join(settings["PENSTOCK_DATA_DIR"] ?? "", "penstock.db");
    await copyFile(file, `${file}.sound`);
    try {
      const more = await plant();
      const { wrong, text } = await examine({
        ...settings,
        ...(more !== null && typeof more === "object" ? more : {}),
      });
      expect(wrong).toEqual([found]);
      const { findings }: { findings: Finding[] } = JSON.parse(text);
      expect(findings.find(({ severity }) => severity !== "ok")?.remedy).toMatch(remedy);
      expect(text).not.toContain("hush");
    } finally {
      await copyFile(`${file}.sound`, file);
      for (const [name, value] of [
        ["requirepass", ""],
        ["maxmemory-policy", "noeviction"],
        ["appendonly", "yes"],
        ["maxmemory", "0"],
      ] as const)
        await set(name, value);
      await redis.flushdb();
    }
  });
});
