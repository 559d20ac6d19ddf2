import { EventEmitter, once } from "node:events";
import { createServer, type Socket } from "node:net";
import { testDir } from "@penstock/testing/temp-dir";
import { waitUntil } from "@penstock/testing/wait-until";
import { expect, test } from "vitest";
import { exitCodes } from "./failure.ts";
import { type ServiceHost, serve } from "./serve.ts";

test("says that it lives and is not ready while its database does not answer", async () => {
  const connections: Socket[] = [];
  const silent = createServer((socket) => void connections.push(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : 0;
  const written: string[] = [];
  const output = { write: (text: string) => written.push(text) };
  const dir = await testDir();
  const host: ServiceHost = Object.assign(new EventEmitter(), {
    env: { DATABASE_URL: `postgres://me@127.0.0.1:${port}/db`, PENSTOCK_DATA_DIR: dir, PENSTOCK_HTTP_PORT: "0" },
    cwd: () => dir,
    exit: () => {},
    stdout: output,
    stderr: output,
  });
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
