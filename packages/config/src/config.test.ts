import type { errorCodes } from "@penstock/core/error-codes";
import { ConfigError } from "@penstock/core/errors";
import { describe, expect, it } from "vitest";
import { loadConfig } from "./config.ts";
import { shown } from "./problems.ts";

const cwd = "/nowhere/penstock";
const load = (env: Record<string, string>) => loadConfig({ env, cwd });

function problemsOf(env: Record<string, string>): string {
  try {
    load(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: "CONFIG_INVALID" satisfies keyof typeof errorCodes });
    return String(error);
  }
  throw new Error("the configuration was accepted");
}

describe("the passwords of .env.example", () => {
  const variables = ["DATABASE_URL", "REDIS_URL", "QUEUE_URL"];
  const url = (variable: string, host: string) =>
    `${variable === "REDIS_URL" ? "redis" : "postgres"}://penstock:change-me@${host}/0`;

  it.each(variables)("are refused in %s for a server elsewhere", (variable) => {
    for (const host of ["db.example.com", "dbserver", "10.0.0.7", "[2001:db8::1]:5432"]) {
      const problem = `${variable}: expected a password of your own, since its server is on another machine`;
      expect(problemsOf({ [variable]: url(variable, host) })).toContain(problem);
    }
  });

  it.each(variables)("will do in %s for the compose file's own servers and for this machine", (variable) => {
    for (const host of ["postgres", "redis", "localhost:5432", "127.0.0.1", "[::1]:5432"])
      load({ [variable]: url(variable, host) });
  });
});

describe("defaults", () => {
  it("keep everything in ./data, with nothing else installed", () => {
    const config = load({});
    expect(config).toMatchObject({
      dataDir: "/nowhere/penstock/data",
      database: { url: "file:/nowhere/penstock/data/penstock.db" },
      queue: { kind: "embedded", dataDir: "/nowhere/penstock/data" },
      checkpointFile: undefined,
      log: { level: undefined, format: "auto" },
      http: { host: "127.0.0.1", port: 9464 },
      api: { host: "127.0.0.1", port: 9470, maxPerMinute: 6_000, trustsProxy: false },
    });
    expect(config.sourcesDir).toBe(new URL("../../../sources", import.meta.url).pathname);
  });

  it("a transformer works on four pages for each transaction that the database does side by side", () => {
    const DATABASE_URL = "postgres://penstock:hush@localhost/penstock";
    expect(load({}).transformConcurrency).toBe(4);
    expect(load({ DATABASE_URL: "file:./p.db" }).transformConcurrency).toBe(4);
    expect(load({ DATABASE_URL, REDIS_URL: "redis://localhost" }).transformConcurrency).toBe(8);
    expect(load({ PENSTOCK_TRANSFORM_CONCURRENCY: "3" }).transformConcurrency).toBe(3);
  });

  it("hold for empty variables as well", () => {
    expect(load({ REDIS_URL: "", PENSTOCK_HTTP_PORT: "", LOG_LEVEL: "" })).toEqual({
      ...load({}),
      env: expect.anything(),
    });
  });
});

describe("database", () => {
  it.each([
    [{ DB_PATH: "pipeline.db" }, "file:/nowhere/penstock/pipeline.db"],
    [{ DATABASE_URL: "file:./a b.db" }, "file:/nowhere/penstock/a b.db"],
    [
      { DATABASE_URL: "postgres://me:secret@db/penstock?sslmode=require" },
      "postgres://me:secret@db/penstock?sslmode=require",
    ],
    [{ DATABASE_URL: "file:/tmp/x.db", DB_PATH: "/tmp/x.db" }, "file:/tmp/x.db"],
    [{ PENSTOCK_DATA_DIR: "/var/lib/penstock" }, "file:/var/lib/penstock/penstock.db"],
  ])("%o is %s", (env, url) => {
    expect(load(env).database.url).toBe(url);
  });
});

describe("queue", () => {
  const redis = { kind: "redis", url: "redis://cache:6379/2", allowVolatile: false };
  it.each([
    [{ REDIS_URL: "redis://cache:6379/2" }, redis],
    [{ QUEUE_URL: "redis://cache:6379/2", REDIS_URL: "redis://cache:6379/2" }, redis],
    [{ QUEUE_URL: "postgresql://db/queue" }, { kind: "postgres", url: "postgresql://db/queue" }],
    [
      { REDIS_URL: "rediss://cache", QUEUE_ALLOW_VOLATILE: "yes" },
      { kind: "redis", url: "rediss://cache", allowVolatile: true },
    ],
    [
      { REDIS_URL: "redis://x", REDIS_SENTINELS: "a:26379, b:26380", REDIS_SENTINEL_PASSWORD: "pw" },
      {
        kind: "redis",
        url: "redis://x",
        allowVolatile: false,
        sentinel: {
          master: "mymaster",
          hosts: [
            { host: "a", port: 26379 },
            { host: "b", port: 26380 },
          ],
          password: "pw",
        },
      },
    ],
  ])("%o is %o", (env, queue) => {
    expect(load(env).queue).toEqual(queue);
  });
});

describe("problems", () => {
  it("are all reported at once, with the variable, what was expected and what came", () => {
    const message = problemsOf({
      DATABASE_URL: "mysql://db/x",
      PENSTOCK_HTTP_PORT: "http",
      PENSTOCK_LOG_LEVEL: "loud",
      PENSTOCK_BACKLOG_HIGH: "0",
    });
    expect(message).toContain(
      'DATABASE_URL: expected file:<path> or postgres://user:password@host:port/database, received "mysql://db/x"',
    );
    expect(message).toContain('PENSTOCK_HTTP_PORT: expected a whole number from 0 to 65535, received "http"');
    expect(message).toContain(
      'PENSTOCK_LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, silent, received "loud"',
    );
    expect(message).toContain('PENSTOCK_BACKLOG_HIGH: expected a whole number from 1, received "0"');
    expect(message.split("\n")).toHaveLength(5);
  });

  it.each([
    [{ DATABASE_URL: "file:a.db", DB_PATH: "b.db" }, "DB_PATH: expected nothing, or the same as DATABASE_URL"],
    [{ REDIS_URL: "redis://a", QUEUE_URL: "postgres://b/q" }, "QUEUE_URL: expected nothing, or the same as REDIS_URL"],
    [{ REDIS_SENTINELS: "a:26379" }, "REDIS_URL: expected an address, since REDIS_SENTINELS is set"],
    [{ REDIS_URL: "redis://a", REDIS_SENTINELS: "a" }, "REDIS_SENTINELS: expected host:port"],
  ])("%o contradict each other", (env, message) => {
    expect(problemsOf(env)).toContain(message);
  });

  it("point out an unknown PENSTOCK_ name with the nearest one", () => {
    expect(problemsOf({ PENSTOCK_HTPP_PORT: "1" })).toContain(
      "PENSTOCK_HTPP_PORT: expected PENSTOCK_HTTP_PORT (did you mean that?)",
    );
    expect(problemsOf({ PENSTOCK_TELEPORTATION: "1" })).toContain(
      "PENSTOCK_TELEPORTATION: expected a variable of docs/configuration.md",
    );
    expect(load({ PENSTOCK_NODE: "/opt/node", SOMETHING_ELSE: "1" })).toBeDefined();
  });

  it("show addresses without account and query", () => {
    const message = problemsOf({ DATABASE_URL: "mysql://user:hunter2@db:1/x?password=hunter2" });
    expect(message).toContain('received "mysql://db:1/x"');
    expect(message).not.toContain("hunter2");
  });

  it.each(["user:hunter2@db", "redis://:hunter2", "hunter2", "mysql:hunter2"])(
    "show nothing of %s, which may be a password",
    (text) => {
      expect(problemsOf({ DATABASE_URL: text })).toContain("received a text that is no address");
      expect(problemsOf({ DATABASE_URL: text })).not.toContain("hunter2");
    },
  );

  it("never show a secret", () => {
    expect(shown("hunter2", { isSecret: true })).toBe("a secret value (not shown)");
  });
});
