import { expect, test } from "vitest";
import { codeOf, decide, messageOf } from "./decision.ts";
import {
  CancelledError,
  ConfigError,
  InfrastructureError,
  InvalidRecordError,
  PermanentError,
  ThrottledError,
  TransientError,
} from "./errors.ts";

test("each class leads to what its name says", () => {
  expect(decide(new TransientError("TIMEOUT", "m"))).toEqual({ action: "retry", afterMs: undefined });
  expect(decide(new TransientError("SERVER_ERROR", "m", { retryAfterMs: 5 }))).toEqual({ action: "retry", afterMs: 5 });
  expect(decide(new ThrottledError("m", { retryAfterMs: 7 }))).toEqual({ action: "throttle", afterMs: 7 });
  expect(decide(new InfrastructureError("DATABASE_UNAVAILABLE", "m"))).toEqual({ action: "wait" });
  expect(decide(new CancelledError("CANCELLED", "m"))).toEqual({ action: "drop" });
  expect(decide(new PermanentError("NOT_FOUND", "m"))).toEqual({ action: "dead-letter", code: "NOT_FOUND" });
  expect(decide(new InvalidRecordError("KEY_MISSING", "m"))).toEqual({ action: "dead-letter", code: "KEY_MISSING" });
  expect(decide(new ConfigError("SOURCE_INVALID", "m"))).toEqual({ action: "dead-letter", code: "SOURCE_INVALID" });
});

test("what is none of ours is tried again, and called unexpected", () => {
  expect(decide(new TypeError("x is not a function"))).toEqual({ action: "retry", afterMs: undefined });
  expect(codeOf(new TypeError("boom"))).toBe("UNEXPECTED");
  expect(messageOf("boom")).toBe("boom");
});

test("an error carries its cause, its place and what to do", () => {
  const cause = new Error("socket hang up");
  const error = new TransientError("CONNECTION_FAILED", "no answer", { source: "usgs", stream: "earthquakes", cause });
  expect(error.cause).toBe(cause);
  expect(error.details).toEqual({ source: "usgs", stream: "earthquakes" });
  expect(error.remedy).toContain("base URL");
  expect(new TransientError("TIMEOUT", "m", { remedy: "wait" }).remedy).toBe("wait");
  expect(error.name).toBe("TransientError");
});
