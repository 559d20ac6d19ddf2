import type { ErrorCode } from "@penstock/core/error-codes";
import { ConfigError, InfrastructureError, PenstockError } from "@penstock/core/errors";

/**
 * What the process ends with. Listed in `docs/operations.md`.
 *
 * | code | meaning |
 * | ---- | ------- |
 * | 0    | done; of a run: succeeded |
 * | 1    | a run did not succeed, or something unexpected failed |
 * | 2    | what was asked for cannot work: configuration, source, arguments |
 * | 3    | database or queue does not answer |
 * | 4    | no dead letter, deletion or backfill is what was asked for |
 * | 130  | interrupted |
 */
export const exitCodes = { ok: 0, failed: 1, misused: 2, unavailable: 3, notFound: 4, interrupted: 130 } as const;

const notFound: ReadonlySet<string> = new Set<ErrorCode>(["LETTER_UNKNOWN", "DELETION_UNKNOWN", "BACKFILL_UNKNOWN"]);

export function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return notFound.has(error.code) ? exitCodes.notFound : exitCodes.misused;
  if (error instanceof InfrastructureError) return exitCodes.unavailable;
  return exitCodes.failed;
}

/** What a person sees of an error: what happened, where, what to do. The stack only when asked for. */
export function describeFailure(error: unknown, options: { isVerbose: boolean }): string {
  if (!(error instanceof PenstockError)) return describeUnexpected(error, options);
  const lines = [`error ${error.code}: ${error.message}`, `  what to do: ${error.remedy}`];
  return [...lines, ...(options.isVerbose ? [stackOf(error)] : [])].join("\n");
}

function describeUnexpected(error: unknown, { isVerbose }: { isVerbose: boolean }): string {
  const message = error instanceof Error ? error.message : String(error);
  if (isVerbose) return `error UNEXPECTED: ${message}\n${stackOf(error)}`;
  return `error UNEXPECTED: ${message}\n  what to do: this is a bug; run again with --verbose and report what it prints`;
}

function stackOf(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) parts.push(at.stack ?? at.message);
  return parts.join("\ncaused by ");
}
