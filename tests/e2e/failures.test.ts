import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jsonLines, penstock } from "./penstock.ts";

let dataDir: string;
const servers: Server[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "penstock-failures-"));
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const quick = { MAX_RETRIES: "1", INITIAL_BACKOFF: "0.01", MAX_BACKOFF: "0.02" };
const stackLine = /^\s+at .+:\d+:\d+\)?$/m;

async function run(env: Record<string, string>, ...args: string[]) {
  const ended = await penstock(["run", "external_api", ...args], { PENSTOCK_DATA_DIR: dataDir, ...quick, ...env });
  expect(ended.stdout + ended.stderr).not.toMatch(stackLine);
  return ended;
}

describe("each failure says what happened and what to do, with the right exit code", () => {
  test("401", async () => {
    const said = '{"error": "s3cret-token is not known here"}';
    const url = await serve((_request, response) => response.writeHead(401).end(said));
    const { code, stdout, stderr } = await run({ API_BASE_URL: url, API_TOKEN: "s3cret-token" });
    expect(code).toBe(1);
    expect(stdout).toContain("UNAUTHORIZED");
    expect(stdout).toMatch(/token/i);
    expect(stdout).toContain("is not known here");
    expect(stdout + stderr).not.toContain("s3cret-token");
    const { stdout: letters } = await penstock(["dead-letters", "list"], { PENSTOCK_DATA_DIR: dataDir });
    expect(letters).toContain("UNAUTHORIZED");
    expect(letters).not.toContain("s3cret-token");
  });

  test("a host that DNS does not know", async () => {
    const { code, stdout } = await run({ API_BASE_URL: "http://no-such-host.invalid" });
    expect(code).toBe(1);
    expect(stdout).toContain("no-such-host.invalid");
    expect(stdout).toMatch(/ATTEMPTS_EXHAUSTED|CONNECTION_FAILED/);
  });

  test("a body that is not JSON", async () => {
    const url = await serve((_request, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<html>Log in</html>"),
    );
    const { code, stdout } = await run({ API_BASE_URL: url });
    expect(code).toBe(1);
    expect(stdout).toContain("BODY_NOT_JSON");
    expect(stdout).toContain("text/html");
  });

  test("a record without id is set aside, the others land", async () => {
    const items = [1, 2, 3].map((n) => ({ id: `r${n}`, ts: `2026-01-01T00:00:0${n}Z`, value: n }));
    const url = await serve((_request, response) =>
      response.end(JSON.stringify({ items: [...items, { ts: "2026-01-01T00:00:04Z", value: 4 }] })),
    );
    const ended = await run({ API_BASE_URL: url }, "--json");
    expect(ended.code, ended.stderr).toBe(0);
    const [summary] = jsonLines(ended);
    expect(summary).toMatchObject({ status: "succeeded", inserted: 3 });
    expect(summary?.["deadLettered"]).toBeGreaterThanOrEqual(1);
    const letters = jsonLines(await penstock(["dead-letters", "list", "--json"], { PENSTOCK_DATA_DIR: dataDir }));
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({ code: "KEY_MISSING", path: "id" });
  });

  test("a database nobody listens on", async () => {
    const { code, stderr } = await run({
      API_BASE_URL: "http://127.0.0.1:9",
      DATABASE_URL: "postgres://me:hush@127.0.0.1:9/nowhere",
    });
    expect(code).toBe(3);
    expect(stderr).toContain("DATABASE_UNAVAILABLE");
    expect(stderr).toContain("127.0.0.1:9");
    expect(stderr).not.toContain("hush");
  });

  test("a Redis nobody listens on", async () => {
    const { code, stderr } = await run({ API_BASE_URL: "http://127.0.0.1:9", REDIS_URL: "redis://:hush@127.0.0.1:9" });
    expect(code).toBe(3);
    expect(stderr).toContain("QUEUE_UNAVAILABLE");
    expect(stderr).not.toContain("hush");
  });

  test("an unknown source", async () => {
    const { code, stderr } = await penstock(["run", "usgss"], { PENSTOCK_DATA_DIR: dataDir });
    expect(code).toBe(2);
    expect(stderr).toContain("SOURCE_UNKNOWN");
    expect(stderr).toContain('did you mean "usgs"');
  });

  test("a name with a part too many", async () => {
    const { code, stderr } = await penstock(["run", "usgs.earthquakes.live"], { PENSTOCK_DATA_DIR: dataDir });
    expect(code).toBe(2);
    expect(stderr).toContain('source usgs has no stream "earthquakes.live"; there are: earthquakes');
  });

  test("a source whose variables are not set", async () => {
    const { code, stderr } = await run({});
    expect(code).toBe(2);
    expect(stderr).toContain("API_BASE_URL");
  });

  test("wrong variables are all reported at once", async () => {
    const { code, stderr } = await run({
      API_BASE_URL: "not a url",
      PENSTOCK_DATADIR: "x",
      PENSTOCK_LOG_LEVEL: "loud",
      BATCH_SIZE: "zero",
    });
    expect(code).toBe(2);
    for (const part of [
      "PENSTOCK_DATADIR",
      "PENSTOCK_DATA_DIR",
      "PENSTOCK_LOG_LEVEL",
      "loud",
      "API_BASE_URL",
      "BATCH_SIZE",
    ])
      expect(stderr).toContain(part);
  });

  test("a source's wrong variable is told as such, and not as a wrong file", async () => {
    const { code, stderr } = await run({ API_BASE_URL: "http://127.0.0.1:9", BATCH_SIZE: "0" });
    expect(code).toBe(2);
    expect(stderr).toContain('CONFIG_INVALID: source external_api: BATCH_SIZE: expected at least 1, received "0"');
    expect(stderr).toContain(".env");
  });

  test("--verbose shows the stack", async () => {
    const { code, stderr } = await penstock(["--verbose", "run", "usgss"], { PENSTOCK_DATA_DIR: dataDir });
    expect(code).toBe(2);
    expect(stderr).toMatch(stackLine);
  });
});
