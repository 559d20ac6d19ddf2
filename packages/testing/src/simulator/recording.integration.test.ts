import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createSimulator } from "./simulator.ts";
import { nextUrls, walk } from "./walk.ts";

test("50 clients at once: every request is recorded, once, as it was answered", async () => {
  await using api = await createSimulator({ streams: { data: { records: 100, paging: { kind: "offset" } } } });
  const clients = Array.from({ length: 50 }, (_, client) =>
    walk(`${api.url}/data?limit=10&client=${client}`, nextUrls.offset, { "x-client": String(client) }),
  );
  for (const seen of await Promise.all(clients)) expect(seen).toEqual(api.reference("data"));
  expect(api.requests).toHaveLength(50 * 11);
  expect(api.requests.map(({ number }) => number)).toEqual(Array.from({ length: 550 }, (_, i) => i));
  const byClient = Map.groupBy(api.requests, ({ query }) => query["client"]);
  expect(byClient.size).toBe(50);
  for (const [client, requests] of byClient) {
    expect(requests.map(({ query }) => query["offset"])).toEqual([undefined, ...offsets(10, 100)]);
    expect(requests.map(({ given }) => given)).toEqual([...Array(10).fill(10), 0]);
    for (const request of requests) {
      expect(request).toMatchObject({ method: "GET", path: "/data", stream: "data", status: 200, outcome: "finished" });
      expect(request.headers["x-client"]).toBe(client);
    }
  }
});

const offsets = (step: number, end: number) => Array.from({ length: end / step }, (_, i) => String((i + 1) * step));

test("a limit and its latency hold for all clients together", async () => {
  let now = 0;
  await using api = await createSimulator({
    streams: { data: { records: 1 } },
    limit: { max: 5, perMs: 1_000, headers: "ratelimit" },
    latencyMs: 5,
    now: () => now,
  });
  const burst = async () => {
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await fetch(`${api.url}/data`)).status));
    return statuses.filter((status) => status === 429).length;
  };
  expect(await burst()).toBe(3);
  now = 400;
  expect(await burst()).toBe(6);
});

test("as a process: sixteen streams, stopped by a signal", async () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const args = ["--streams", "16", "--records", "30", "--paging", "next-link", "--page-size", "20", "--latency", "1"];
  const child = spawn(process.execPath, [main, ...args, "--faults", "status=0.5", "--seed", "4"]);
  const exited = once(child, "exit");
  try {
    const lines = createInterface(child.stdout);
    const [url] = await once(lines, "line");
    const statuses = await Promise.all(
      Array.from({ length: 16 }, async (_, i) => (await fetch(`${url}/data${i}`)).status),
    );
    expect(statuses.some((status) => status === 200)).toBe(true);
    expect(statuses.some((status) => status !== 200)).toBe(true);
  } finally {
    child.kill("SIGTERM");
  }
  expect(await exited).toEqual([0, null]);
});
