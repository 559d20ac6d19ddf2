import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "@penstock/store/open-store";
import {
  createPostgresDatabase,
  createSqliteDatabase,
  flushRedis,
  type TestDatabase,
} from "@penstock/testing/databases";
import { startLocalServer } from "@penstock/testing/local-server";
import type { TestServer } from "@penstock/testing/server-kinds";
import { type Scenario, usesPostgres } from "./scenarios.ts";

export const migrationsRoot = join(import.meta.dirname, "../prisma");

export type Servers = {
  redis: TestServer;
  postgres: TestServer;
  templates: Record<"sqlite" | "postgresql", TestDatabase>;
};

/** Where one contender works: everything empty and its own. */
export type Place = {
  apiUrl: string;
  /** Migrated, with Penstock's tables. */
  databaseUrl: string;
  /** A database of the same kind without tables. */
  plainUrl: string;
  redisUrl: string;
  queueUrl: string;
  folder: string;
};

/** Both from the machine's own binaries, so that what they take of the processors can be seen. Postgres waits for its disk. */
export async function startServers(stack: AsyncDisposableStack): Promise<Servers> {
  const redis = stack.adopt(await startLocalServer("redis"), (server) => server.close());
  const postgres = stack.adopt(await startLocalServer("postgres", ["-c", "fsync=on"]), (server) => server.close());
  const sqlite = stack.adopt(await createSqliteDatabase(), (made) => made.drop());
  const postgresql = await createPostgresDatabase(postgres.url);
  for (const { url } of [sqlite, postgresql]) await (await openStore({ url, migrationsRoot })).close();
  return { redis, postgres, templates: { sqlite, postgresql } };
}

export async function createPlace(
  scenario: Scenario,
  { redis, postgres, templates }: Servers,
  apiUrl: string,
  stack: AsyncDisposableStack,
): Promise<Place> {
  const create = async (template?: TestDatabase) =>
    usesPostgres(scenario) ? createPostgresDatabase(postgres.url, template) : createSqliteDatabase(template);
  const own = async (template?: TestDatabase) => stack.adopt(await create(template), (made) => made.drop()).url;
  const queue = stack.adopt(await createPostgresDatabase(postgres.url), (made) => made.drop());
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), "penstock-bench-")), (path) => rm(path, { recursive: true }));
  await flushRedis(`${redis.url}/0`);
  return {
    apiUrl,
    databaseUrl: await own(usesPostgres(scenario) ? templates.postgresql : templates.sqlite),
    plainUrl: await own(),
    redisUrl: `${redis.url}/0`,
    queueUrl: queue.url,
    folder,
  };
}

export type Api = { url: string; firstAskedAt(): Promise<number>; forget(): Promise<void> };

export async function startApi(
  { records, recordBytes, latencyMs }: Scenario,
  stack: AsyncDisposableStack,
): Promise<Api> {
  const options = { records, bytes: recordBytes, latency: latencyMs };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [join(import.meta.dirname, "api-main.ts"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  stack.defer(() => void child.kill());
  const [line] = await once(child.stdout, "data");
  const url = String(line).trim();
  return {
    url,
    firstAskedAt: async () => {
      const answer: { first?: number | null } = JSON.parse(await (await fetch(`${url}/first`)).text());
      if (typeof answer.first !== "number") throw new Error("nobody asked for a page");
      return answer.first;
    },
    forget: async () => void (await fetch(`${url}/forget`, { method: "POST" })),
  };
}
