import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HealthOptions, type HealthServer, type Readiness, startHealthServer } from "./health.ts";
import { createMetrics } from "./metrics.ts";

let server: HealthServer;
let readiness: Readiness;
let isLive: boolean;
const metrics = createMetrics({ withProcess: true });
const options: HealthOptions = {
  host: "127.0.0.1",
  port: 0,
  metrics,
  isLive: () => isLive,
  readiness: async () => readiness,
  routes: {
    "/status": async () => ({ app: "fetcher" }),
    "/broken": () => Promise.reject(new TypeError("postgres://me:hunter2@db")),
  },
};

beforeEach(async () => {
  readiness = { isReady: true, checks: { database: "ok" } };
  isLive = true;
  server = await startHealthServer(options);
});
afterEach(() => server.close());

const get = (path: string, init?: RequestInit) => fetch(new URL(path, server.url), init);

describe("the health server", () => {
  it("answers live and ready, with what was checked", async () => {
    expect(await (await get("/health/live")).json()).toEqual({ status: "live" });
    const response = await get("/health/ready?verbose");
    expect([response.status, await response.json()]).toEqual([200, { status: "ready", checks: { database: "ok" } }]);
  });

  it("answers 503 when it is not", async () => {
    readiness = { isReady: false, checks: { database: "ok", queue: "does not answer" } };
    isLive = false;
    const response = await get("/health/ready");
    expect([response.status, await response.json()]).toEqual([503, { status: "not ready", checks: readiness.checks }]);
    expect((await get("/health/live")).status).toBe(503);
  });

  it("serves metrics, its process's among them", async () => {
    metrics.throttled({ source: "usgs", stream: "earthquakes" });
    const response = await get("/metrics");
    expect(response.headers.get("content-type")).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
    const text = await response.text();
    expect(text).toContain("penstock_throttles_total{");
    expect(text).toContain("penstock_process_resident_memory_bytes");
  });

  it("serves the routes given; one that fails says nothing of why", async () => {
    expect(await (await get("/status")).json()).toEqual({ app: "fetcher" });
    const broken = await get("/broken");
    expect([broken.status, await broken.text()]).toEqual([503, '{"error":"TypeError"}\n']);
  });

  it("answers 404 and 405 otherwise, and HEAD without a body", async () => {
    expect((await get("/")).status).toBe(404);
    const refused = await get("/metrics", { method: "POST", body: "x" });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect([
      (await get("/status", { method: "HEAD" })).status,
      await (await get("/status", { method: "HEAD" })).text(),
    ]).toEqual([200, ""]);
  });

  it("says which variable to change when its port is taken", async () => {
    const port = Number(new URL(server.url).port);
    await expect(startHealthServer({ ...options, port })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(`PENSTOCK_HTTP_PORT: port ${port} on 127.0.0.1 is in use`),
    });
  });

  it("closes while a client holds its connection", async () => {
    await (await get("/health/live")).text();
    await server.close();
    await expect(get("/health/live")).rejects.toThrow();
  });
});
