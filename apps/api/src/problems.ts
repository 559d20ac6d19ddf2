import type { Problem } from "@penstock/api-contract/problem";
import { type ErrorCode, errorCodes } from "@penstock/core/error-codes";
import { ConfigError, InfrastructureError, PenstockError } from "@penstock/core/errors";
import type { PipelineContext } from "@penstock/pipeline/context";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";

/*
 * Failures as `application/problem+json` (RFC 9457). What is the caller's doing says what was wrong with it; what is ours says so
 * and no more, since the log has it.
 */

const statuses: { readonly [code in ErrorCode]?: number } = {
  REQUEST_INVALID: 400,
  CALLER_UNKNOWN: 401,
  CALLER_FORBIDDEN: 403,
  SITE_REFUSED: 403,
  ADDRESS_UNKNOWN: 404,
  RUN_UNKNOWN: 404,
  LETTER_UNKNOWN: 404,
  DELETION_UNKNOWN: 404,
  BACKFILL_UNKNOWN: 404,
  SOURCE_UNKNOWN: 404,
  PARENT_VALUE_INVALID: 409,
  STREAM_PAUSED: 409,
  RUN_ACTIVE: 409,
  DELETION_SETTLED: 409,
  BACKFILL_IMPOSSIBLE: 409,
  CONFIG_INVALID: 409,
  TOO_MANY_REQUESTS: 429,
};

const retryAfterSeconds = 5;

type Logger = Pick<PipelineContext["logger"], "error">;

export function answerProblem(
  logger: Logger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = problemOf(error);
  const { method, routeOptions } = request;
  if (problem.status >= 500) logger.error({ err: error, method, route: routeOptions.url }, "request failed");
  if (problem.status === 401) reply.header("www-authenticate", "Bearer");
  if (problem.status === 503) reply.header("retry-after", String(retryAfterSeconds));
  return reply.code(problem.status).type("application/problem+json").send(problem);
}

function problemOf(error: unknown): Problem {
  if (error instanceof z.ZodError) return invalid(error);
  if (error instanceof InfrastructureError) return problem(503, error.code, error.message, error.remedy);
  if (error instanceof PenstockError && statuses[error.code] !== undefined)
    return problem(statuses[error.code] ?? 500, error.code, error.message, error.remedy);
  if (error instanceof ConfigError) return problem(409, error.code, error.message, error.remedy);
  const status = statusOf(error);
  if (status === 429) return problem(429, "TOO_MANY_REQUESTS", errorCodes.TOO_MANY_REQUESTS.means);
  if (status >= 400 && status < 500) return problem(status, "REQUEST_INVALID", messageOf(error));
  return problem(500, "UNEXPECTED", "something unexpected failed; the log of this process says what");
}

function problem(status: number, code: ErrorCode, detail: string, remedy: string = errorCodes[code].remedy): Problem {
  return { type: `urn:penstock:error:${code}`, title: errorCodes[code].means, status, detail, code, remedy };
}

function invalid(error: z.ZodError): Problem {
  const errors = error.issues.map(({ path, message }) => ({ path: path.map(String).join("."), message }));
  const detail = errors.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
  return { ...problem(400, "REQUEST_INVALID", detail), errors };
}

/** What Fastify and its plugins refuse a request with: too big, not JSON, another media type. */
function statusOf(error: unknown): number {
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" ? status : 500;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "the request cannot be read";
}
