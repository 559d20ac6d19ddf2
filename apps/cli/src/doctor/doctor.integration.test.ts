import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PassThrough } from "node:stream";
import { loadConfiguration } from "@penstock/runtime/load-configuration";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { freePort } from "@penstock/testing/free-port";
import { startLoopbackServer } from "@penstock/testing/simulators/loopback-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { doctor } from "../commands/doctor.ts";
import type { Finding } from "./diagnose.ts";

const stack = new AsyncDisposableStack();
const sourcesModule = join(import.meta.dirname, "../../../../packages/source/src/define-source.ts");
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

test("finds sources that cannot be loaded or reached, and variables that are wrong", async () => {
  await writeSource("gone", `baseUrl: "http://127.0.0.1:${await freePort()}"`);
  await writeFile(join(dir, "broken.ts"), "export default 5;\n");
  const { wrong } = await examine();
  expect(wrong).toEqual(expect.arrayContaining(["problem sources", "warning api"]));
  expect(await examine({ PENSTOCK_HTTP_PORT: "many" })).toMatchObject({ code: 1, wrong: ["problem configuration"] });
});
