import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Fault, startExternalApi } from "@penstock/testing/simulators/external-api";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { afterEach, expect, test } from "vitest";
import { jsonLines, penstock, type Running, startPenstock } from "./penstock.ts";

const running: Running[] = [];
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill("SIGKILL");
    await ended;
  }
});

async function up(env: Record<string, string>, ...options: string[]): Promise<{ url: string; started: Running }> {
  const started = startPenstock(["up", ...options], { ...env, PENSTOCK_HTTP_PORT: "0", PENSTOCK_API_PORT: "0" });
  running.push(started);
  let stderr = "";
  started.child.stderr?.on("data", (text) => (stderr += text));
  const url = await waitUntil(() => /health and metrics: (\S+)/.exec(stderr)?.[1], {
    what: "up to run",
    timeoutMs: 60_000,
  });
  return { url, started };
}

const get = async (url: string) => {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
};

test("up ingests on schedule, tells how it is, and ends cleanly on SIGTERM", async () => {
  const fault = (request: number): Fault | undefined => {
    if (request % 5 === 1) return { status: 503 };
    return request % 7 === 2 ? { status: 429, headers: { "retry-after": "0" } } : undefined;
  };
  await using api = await startExternalApi({ records: 3_000, fault });
  const env = {
    PENSTOCK_DATA_DIR: await testDir(),
    API_BASE_URL: api.url,
    USGS_BASE_URL: api.url,
    BATCH_SIZE: "100",
    INITIAL_BACKOFF: "0.01",
  };
  const { url, started } = await up(env);
  expect((await get(`${url}/health/live`)).status).toBe(200);
  expect(await get(`${url}/health/ready`)).toMatchObject({ status: 200 });
  const inserted = /^penstock_records_total\{source="external_api",stream="data",outcome="inserted"\} 3000$/m;
  await waitUntil(async () => inserted.test((await get(`${url}/metrics`)).text), {
    what: "3,000 records",
    timeoutMs: 30_000,
  });
  const metrics = (await get(`${url}/metrics`)).text;
  const of = 'source="external_api",stream="data"';
  for (const series of [
    `penstock_requests_total{${of},status="5xx"}`,
    `penstock_requests_total{${of},status="4xx"}`,
    `penstock_throttles_total{${of}}`,
    'penstock_job_retries_total{queue="fetch.external_api",code="SERVER_ERROR"}',
  ])
    expect(metrics).toMatch(new RegExp(`^${RegExp.escape(series)} [1-9]`, "m"));
  expect(metrics).toContain(`penstock_dead_letters_open{${of}} 0`);

  const [status] = jsonLines(await penstock(["status", "--json"], env));
  expect(status?.["streams"]).toContainEqual(
    expect.objectContaining({
      source: "external_api",
      deadLetters: 0,
      lastRun: expect.objectContaining({ fetched: expect.any(Number) }),
    }),
  );
  expect(status?.["queues"]).toContainEqual(expect.objectContaining({ queue: "fetch.external_api" }));

  const second = await penstock(["up"], env);
  expect(second.code).toBe(2);
  expect(second.stderr).toContain("DATA_DIR_IN_USE");
  expect(second.stderr).toContain(String(started.child.pid));

  started.child.kill("SIGTERM");
  expect((await started.ended).code).toBe(0);
});

/** What opens addresses on Linux, in a folder to be the first of the path. */
async function fakeBrowser(): Promise<{ folder: string; url: () => Promise<string | undefined> }> {
  const folder = await testDir();
  const told = join(folder, "told");
  await writeFile(join(folder, "xdg-open"), `#!/bin/sh\nprintf %s "$1" >${told}.new && mv ${told}.new ${told}\n`, {
    mode: 0o755,
  });
  return { folder, url: () => readFile(told, "utf8").catch(() => undefined) };
}

test("started with --open it opens the dashboard; killed and started again at once, it goes on", async () => {
  await using api = await startExternalApi({ records: 5_000 });
  const env = { PENSTOCK_DATA_DIR: await testDir(), API_BASE_URL: api.url, USGS_BASE_URL: api.url, BATCH_SIZE: "250" };
  const opened = await fakeBrowser();
  const first = await up({ ...env, PATH: `${opened.folder}:${process.env["PATH"]}` }, "--open");
  expect(await waitUntil(opened.url, { what: "the dashboard to be opened" })).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  await waitUntil(() => api.requests.length > 5, { what: "some pages", timeoutMs: 30_000 });
  first.started.child.kill("SIGKILL");
  await first.started.ended;
  const { url, started } = await up(env);
  const isThere = async () => {
    const [status] = jsonLines(await penstock(["status", "--json"], env));
    return JSON.stringify(status?.["streams"]).includes(
      `"checkpoint":"${new Date(api.records.at(-1)?.ts ?? 0).toISOString()}"`,
    );
  };
  await waitUntil(isThere, { what: "the checkpoint at the last record", timeoutMs: 60_000 });
  expect((await get(`${url}/health/ready`)).status).toBe(200);
  started.child.kill("SIGTERM");
  expect((await started.ended).code).toBe(0);
});
