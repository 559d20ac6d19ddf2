import { PermanentError } from "@penstock/core/errors";
import { describe, expect, it } from "vitest";
import { createLogger, type LoggerOptions } from "./logger.ts";

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line), isTTY: false };
  const logger = createLogger({ app: "fetcher", level: "info", format: "json", destination, ...options });
  return { logger, lines, entries: () => lines.map((line) => JSON.parse(line)) };
}

describe("JSON lines", () => {
  it("carry level, time, app and the fields of all parents", () => {
    const { logger, entries } = capture();
    logger.child({ source: "usgs", stream: "earthquakes" }).child({ runId: "r1" }).info({ seq: 3 }, "page committed");
    expect(entries()).toMatchObject([
      {
        level: "info",
        app: "fetcher",
        source: "usgs",
        stream: "earthquakes",
        runId: "r1",
        seq: 3,
        msg: "page committed",
      },
    ]);
    expect(new Date(entries()[0].time).getTime()).toBeGreaterThan(0);
  });

  it("leave out what is below the level", () => {
    const { logger, lines } = capture({ level: "warn" });
    logger.info({}, "run started");
    logger.warn({}, "throttled");
    expect(lines).toHaveLength(1);
  });

  it("carry errors with code, details and causes", () => {
    const { logger, entries } = capture();
    const cause = new Error("getaddrinfo ENOTFOUND", { cause: new Error("deeper") });
    logger.error(
      { err: new PermanentError("NOT_FOUND", "no such path", { source: "usgs", cause }) },
      "request given up",
    );
    expect(entries()[0].err).toMatchObject({
      type: "PermanentError",
      code: "NOT_FOUND",
      message: "no such path",
      details: { source: "usgs" },
      cause: { message: "getaddrinfo ENOTFOUND", cause: { message: "deeper" } },
    });
  });
});

describe("lines for people", () => {
  it("are written on a terminal, and without colours where asked for elsewhere", () => {
    const { logger, lines } = capture({ format: "pretty" });
    logger.info({ seq: 3 }, "page committed");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: page committed \{.*"seq":3.*\}\n$/);
    expect(lines[0]).not.toContain("\u001b");
    const terminal = capture({
      format: "auto",
      destination: { write: (line) => terminalLines.push(line), isTTY: true },
    });
    terminal.logger.info({}, "running");
    expect(terminalLines[0]).toContain("\u001b[");
  });
  const terminalLines: string[] = [];
});

describe("redaction", () => {
  it.each([
    "authorization",
    "Authorization",
    "token",
    "accessToken",
    "password",
    "client_secret",
    "api_key",
    "apiKey",
    "x-api-key",
    "Set-Cookie",
    "credentials",
    "privateKey",
    "key_passphrase",
    "x-signature",
    "jwt",
  ])("hides %s at any depth", (name) => {
    const { logger, lines } = capture();
    logger.child({ [name]: "hunter2" }).info({ [name]: "hunter2", deep: [{ headers: { [name]: "hunter2" } }] }, "sent");
    expect(lines.join()).not.toContain("hunter2");
    expect(lines.join()).toContain("[redacted]");
  });

  it("keeps account and query of URLs out, wherever they stand", () => {
    const { logger, lines } = capture();
    const error = new Error(
      "GET https://me:hunter2@api.test/data?key=hunter2&since=1 failed: redis://:hunter2@cache:6379/1 away",
    );
    logger.error(
      {
        err: error,
        url: new URL("https://me:hunter2@api.test/x?token=hunter2"),
        list: ["postgres://u:hunter2@db/x", "https://app.test/y#access_token=hunter2"],
      },
      "failed",
    );
    const text = lines.join();
    expect(text).not.toContain("hunter2");
    for (const kept of [
      "https://api.test/data?…",
      "redis://cache:6379/1 away",
      "https://api.test/x?…",
      "postgres://db/x",
      "https://app.test/y?…",
    ])
      expect(text).toContain(kept);
  });

  it("leaves everything else as it is", () => {
    const { logger, entries } = capture();
    const fields = { key: "k", count: 0, isLast: false, at: new Date(0), none: null, tokens: 3, text: "why? a://b" };
    logger.info(fields, "page fetched");
    expect(entries()[0]).toMatchObject({ ...fields, at: "1970-01-01T00:00:00.000Z" });
  });

  it("ends for objects that contain themselves", () => {
    const { logger, lines } = capture();
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    logger.info({ loop }, "odd");
    expect(lines.join()).toContain("[too deep]");
  });
});
