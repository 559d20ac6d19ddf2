import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testDir } from "@penstock/testing/temp-dir";
import { expect, it } from "vitest";
import { loadConfig } from "./config.ts";

it("reads .env in the current folder, and lets the environment win", async () => {
  const cwd = await testDir();
  await writeFile(join(cwd, ".env"), 'PENSTOCK_HTTP_PORT=1\nPENSTOCK_BACKLOG_HIGH=7 # pages\nAPI_TOKEN="a b"\n');
  const config = loadConfig({ env: { PENSTOCK_HTTP_PORT: "2" }, cwd });
  expect(config).toMatchObject({
    http: { port: 2 },
    backlogHigh: 7,
    env: { API_TOKEN: "a b", PENSTOCK_HTTP_PORT: "2" },
  });
  expect(process.env["API_TOKEN"]).toBeUndefined();
});

it("says so when .env cannot be read", async () => {
  const cwd = await testDir();
  await mkdir(join(cwd, ".env"));
  expect(() => loadConfig({ env: {}, cwd })).toThrow(/\.env cannot be read/);
});

it("reads a variable that holds a password from the file that is named for it", async () => {
  const cwd = await testDir();
  await writeFile(join(cwd, "url"), "redis://:s3cret@queue:6379\n");
  expect(loadConfig({ env: { REDIS_URL_FILE: "url" }, cwd }).queue).toMatchObject({
    url: "redis://:s3cret@queue:6379",
  });
  expect(() => loadConfig({ env: { REDIS_URL_FILE: "none" }, cwd })).toThrow(
    /REDIS_URL_FILE: expected a file that can/,
  );
});
