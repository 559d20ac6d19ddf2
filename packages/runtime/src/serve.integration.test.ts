import { EventEmitter, once } from "node:events";
import { createServer, type Socket } from "node:net";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { expect, test } from "vitest";
import { exitCodes } from "./failure.ts";
import { type ServiceHost, serve } from "./serve.ts";

async function hostIn(env: Record<string, string>) {
  const written: string[] = [];
  const output = { write: (text: string) => written.push(text) };
  const dir = await testDir();
  const host: ServiceHost = Object.assign(new EventEmitter(), {
    env: { PENSTOCK_DATA_DIR: dir, PENSTOCK_HTTP_PORT: "0", ...env },
    cwd: () => dir,
    exit: () => {},
    stdout: output,
    stderr: output,
  });
  return { host, written };
}

test("says that it lives and is not ready while its database does not answer", async () => {
  const connections: Socket[] = [];
  const silent = createServer((socket) => void connections.push(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const { host, written } = await hostIn({ DATABASE_URL: `postgres://me@127.0.0.1:${port}/db` });
  const ended = serve("test", async () => [], host);
  const url = await waitUntil(() => /"url":"([^"]+)"/.exec(written.join(""))?.[1], { what: "a health server" });
  await waitUntil(() => connections.length > 0, { what: "a question to the database" });
  const [live, ready] = await Promise.all(["live", "ready"].map((path) => fetch(`${url}/health/${path}`)));
  expect([live?.status, ready?.status, await ready?.json()]).toEqual([
    200,
    503,
    { status: "not ready", checks: { state: "starting" } },
  ]);
  silent.close();
  for (const connection of connections) connection.destroy();
  expect(await ended).toBe(exitCodes.unavailable);
});

test("a process whose worker has ended by itself ends, and not as one that was told to", async () => {
  const { host, written } = await hostIn({});
  let isRunning = true;
  const ended = serve("test", async () => [{ queue: "q", isRunning: () => isRunning, stop: async () => true }], host);
  await waitUntil(() => written.some((line) => line.includes('"msg":"running"')), {
    what: "it to run",
    timeoutMs: 20_000,
  });
  isRunning = false;
  expect(await ended).toBe(1);
  expect(written.join("")).toContain("a worker has ended by itself");
});
