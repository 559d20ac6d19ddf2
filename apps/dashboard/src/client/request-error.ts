import type { Problem } from "@penstock/api-contract/problem";

/** A request that came to nothing: what the API said about it, or what can be said when it said nothing. */
export class RequestError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, cause?: unknown) {
    super(problem.detail, cause === undefined ? undefined : { cause });
    this.name = "RequestError";
    this.problem = problem;
  }
}

/** Whether the answer was that a key is needed, or that the session has ended. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof RequestError && error.problem.status === 401;
}

/** The problem of whatever was thrown; a bug of the page is one too. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RequestError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return {
    type: "urn:penstock:error:UNEXPECTED",
    title: "This page went wrong",
    status: 0,
    detail,
    code: "UNEXPECTED",
    remedy: "Load the page again; if it stays so, please report it.",
  };
}

export function noAnswer(cause: unknown): RequestError {
  return new RequestError(
    {
      type: "urn:penstock:error:CONNECTION_FAILED",
      title: "Penstock does not answer",
      status: 0,
      detail: "The process behind this page could not be reached.",
      code: "CONNECTION_FAILED",
      remedy: "Is it still running? The page tries again by itself.",
    },
    cause,
  );
}

export function notUnderstood(status: number, cause: unknown): RequestError {
  return new RequestError(
    {
      type: "urn:penstock:error:BODY_NOT_JSON",
      title: "Another program answered",
      status,
      detail: `The answer (${status}) is not one of Penstock's API.`,
      code: "BODY_NOT_JSON",
      remedy: "Look at the proxy between this browser and Penstock.",
    },
    cause,
  );
}
