import type { ErrorCode } from "@penstock/core/error-codes";
import { type PenstockError, PermanentError, ThrottledError, TransientError } from "@penstock/core/errors";
import type { ErrorAction } from "./error-rules.ts";
import { dateOf } from "./headers.ts";
import { rateLimitOf, waitMsOf } from "./rate-limit.ts";
import { retryAfterMs } from "./retry-after.ts";

/** Which request an answer belongs to, for messages. `origin` instead of the URL, whose query may hold secrets. */
export type RequestLabel = { source: string; stream: string; method: string; origin: string; path: string };

export type Answer = {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** Beginning of the body, already made safe to show. */
  excerpt: string;
  /** What the paginator has to say about this request. */
  remark: string | undefined;
  now: Date;
};

/**
 * The error that an action on an answer stands for, or `undefined` when there is nothing to complain of:
 *
 * | action         | error            | code                                          |
 * | -------------- | ---------------- | --------------------------------------------- |
 * | none, `ignore` | none             |                                               |
 * | `throttle`     | `ThrottledError` | `THROTTLED`                                   |
 * | `retry`        | `TransientError` | `SERVER_ERROR`                                |
 * | `failRun`      | `PermanentError` | `RUN_REFUSED`                                 |
 * | others         | `PermanentError` | 401, 403: `UNAUTHORIZED`                      |
 * |                |                  | 404, 410: `NOT_FOUND`                         |
 * |                |                  | other 4xx and 5xx: `REQUEST_REJECTED`         |
 * |                |                  | 2xx: `ANSWERED_ERROR`                         |
 * |                |                  | all else, redirects too: `UNEXPECTED_STATUS`  |
 */
export function errorFor(
  action: ErrorAction | undefined,
  answer: Answer,
  label: RequestLabel,
): PenstockError | undefined {
  if (action === undefined || action === "ignore") return undefined;
  const { status } = answer;
  const details = { source: label.source, stream: label.stream, status };
  const message = messageFor(answer, label);
  if (action === "throttle") return new ThrottledError(message, { ...details, retryAfterMs: pauseMs(answer) });
  if (action === "retry") return new TransientError("SERVER_ERROR", message, details);
  return new PermanentError(action === "failRun" ? "RUN_REFUSED" : permanentCode(status), message, details);
}

/** `Retry-After` where there is one, else until the limit is reset. Instants are measured against the API's own clock where it says it. */
function pauseMs({ headers, now }: Answer): number {
  const retryAfter = headers["retry-after"];
  const apiNow = dateOf(headers) ?? now;
  const reset = retryAfter === undefined ? waitMsOf(rateLimitOf(headers, apiNow)) : undefined;
  return reset ?? retryAfterMs(retryAfter, apiNow);
}

function permanentCode(status: number): ErrorCode {
  if (status === 401 || status === 403) return "UNAUTHORIZED";
  if (status === 404 || status === 410) return "NOT_FOUND";
  if (status >= 400) return "REQUEST_REJECTED";
  return status >= 200 && status < 300 ? "ANSWERED_ERROR" : "UNEXPECTED_STATUS";
}

function messageFor({ status, headers, excerpt, remark }: Answer, label: RequestLabel): string {
  const said = excerpt === "" ? "" : `: "${excerpt}"`;
  const { location } = headers;
  const redirect =
    location === undefined ? "" : `, a redirect to ${redirectTarget(location, label)}, which is not followed`;
  const note = remark === undefined || status >= 500 ? "" : ` (${remark})`;
  return `${label.origin} answered ${status} to ${label.method} ${label.path}${redirect}${said}${note}`;
}

function redirectTarget(location: string, { origin, path }: RequestLabel): string {
  const target = URL.parse(location, `${origin}${path}`);
  if (target === null) return "what is no URL";
  return target.origin === origin ? `${target.pathname} of the same origin` : `another origin, ${target.origin}`;
}

/** How far a request had come when its connection failed. */
export type Progress = "waiting" | "reading";

const timeoutCodes = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT",
]);
const decodingCodes = new Set(["Z_BUF_ERROR", "Z_DATA_ERROR"]);

/**
 * The error that a failed connection stands for; all are transient. Timeouts by their code; else `BODY_INCOMPLETE` when
 * the response had begun and `CONNECTION_FAILED` when it had not (refused, reset, DNS, TLS).
 */
export function classifyFailure(error: unknown, progress: Progress, label: RequestLabel): TransientError {
  const code = systemCode(error);
  const details = { source: label.source, stream: label.stream, cause: error };
  const host = new URL(label.origin).host;
  if (isTimeout(error, code))
    return new TransientError(
      "TIMEOUT",
      `${host} did not answer ${label.method} ${label.path} in time (${code})`,
      details,
    );
  if (progress === "reading") {
    const what = decodingCodes.has(code) ? "could not be decompressed" : "ended early";
    return new TransientError(
      "BODY_INCOMPLETE",
      `the response of ${host} to ${label.method} ${label.path} ${what} (${code})`,
      details,
    );
  }
  return new TransientError("CONNECTION_FAILED", `no connection to ${host} (${explain(code)})`, details);
}

function isTimeout(error: unknown, code: string): boolean {
  return timeoutCodes.has(code) || (error instanceof DOMException && error.name === "TimeoutError");
}

const explanations: { [code: string]: string } = {
  ENOTFOUND: "DNS knows no such host, ENOTFOUND",
  EAI_AGAIN: "DNS does not answer, EAI_AGAIN",
  ECONNREFUSED: "nobody listens there, ECONNREFUSED",
  ECONNRESET: "connection reset, ECONNRESET",
  UND_ERR_SOCKET: "connection closed, UND_ERR_SOCKET",
};

function explain(code: string): string {
  return explanations[code] ?? code;
}

/** The error's code, or the first one down its causes. */
function systemCode(error: unknown): string {
  for (let e = error; e instanceof Error; e = e.cause) {
    if ("code" in e && typeof e.code === "string") return e.code;
  }
  return error instanceof Error ? error.name : "unknown";
}
