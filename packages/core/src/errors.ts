import { type ErrorCode, errorCodes } from "./error-codes.ts";

/** Where it happened and what was wrong; whatever is known. Shown to people, so never a secret. */
export type ErrorDetails = {
  source?: string;
  stream?: string;
  seq?: number;
  /** HTTP status of the answer. */
  status?: number;
  key?: string;
  /** Field path in the record, `meta.tags.0`. */
  path?: string;
  expected?: string;
  received?: string;
  /** What to do, where it is more exact than the code's general remedy. */
  remedy?: string;
};

export type ErrorOptions = ErrorDetails & { cause?: unknown };

/** What all our errors are. Thrown only as one of the classes below, whose names say what the engine does about them. */
export abstract class PenstockError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, { cause, ...details }: ErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }

  /** What a person can do about it. */
  get remedy(): string {
    return this.details.remedy ?? errorCodes[this.code].remedy;
  }
}

/** Will probably pass: tried again with backoff, or after `retryAfterMs` where the API said so. Spends an attempt. */
export class TransientError extends PenstockError {
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions & { retryAfterMs?: number } = {}) {
    const { retryAfterMs, ...rest } = options;
    super(code, message, rest);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The API asks for a pause: the whole source waits `retryAfterMs` on all workers. Spends no attempt. */
export class ThrottledError extends PenstockError {
  readonly retryAfterMs: number;

  constructor(message: string, options: ErrorOptions & { retryAfterMs: number }) {
    const { retryAfterMs, ...rest } = options;
    super("THROTTLED", message, rest);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Trying again gives the same: becomes a dead letter at once. */
export class PermanentError extends PenstockError {}

/** One record cannot be processed: a dead letter for it, the rest of its page goes on. */
export class InvalidRecordError extends PenstockError {}

/** Our own database or queue is away: wait for it. Spends no attempt and never becomes a dead letter. */
export class InfrastructureError extends PenstockError {}

/** What the user gave us cannot work. Nothing was started; exit code 2. */
export class ConfigError extends PenstockError {}

/** Stopped on request or by a newer run: end quietly. */
export class CancelledError extends PenstockError {}
