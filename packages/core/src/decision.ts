import type { ErrorCode } from "./error-codes.ts";
import {
  CancelledError,
  ConfigError,
  InfrastructureError,
  InvalidRecordError,
  PenstockError,
  PermanentError,
  ThrottledError,
  TransientError,
} from "./errors.ts";

/** What the engine does about an error that ended a job. */
export type Decision =
  | { action: "retry"; afterMs: number | undefined }
  | { action: "throttle"; afterMs: number }
  | { action: "wait" }
  | { action: "drop" }
  | { action: "dead-letter"; code: ErrorCode };

/**
 * The one place where it is decided what an error leads to. An error that is none of ours is a bug: retrying may help
 * (it may depend on timing), and when attempts are used up it becomes a dead letter.
 */
export function decide(error: unknown): Decision {
  if (error instanceof TransientError) return { action: "retry", afterMs: error.retryAfterMs };
  if (error instanceof ThrottledError) return { action: "throttle", afterMs: error.retryAfterMs };
  if (error instanceof InfrastructureError) return { action: "wait" };
  if (error instanceof CancelledError) return { action: "drop" };
  if (error instanceof PermanentError || error instanceof InvalidRecordError || error instanceof ConfigError) {
    return { action: "dead-letter", code: error.code };
  }
  return { action: "retry", afterMs: undefined };
}

export function codeOf(error: unknown): ErrorCode {
  return error instanceof PenstockError ? error.code : "UNEXPECTED";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
