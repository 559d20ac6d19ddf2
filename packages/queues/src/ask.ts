import { InfrastructureError, PenstockError } from "@penstock/core/errors";

/**
 * Asks the queue's server for something, and waits for no longer than `timeoutMs`: its clients wait for ever while the
 * server is away, which is right for workers and wrong for everybody else.
 *
 * @throws InfrastructureError `QUEUE_UNAVAILABLE`
 */
export async function ask<T>(what: string, question: () => Promise<T>, timeoutMs = 10_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  const answer = question();
  // When it fails after we gave up, nobody is left to be told.
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, tooLate]);
  } catch (error) {
    throw unavailable(what, error);
  } finally {
    clearTimeout(timer);
  }
}

function unavailable(what: string, error: unknown): PenstockError {
  if (error instanceof PenstockError) return error;
  const cause = withoutCommand(error);
  return new InfrastructureError("QUEUE_UNAVAILABLE", `${what}: ${cause.message}`, { cause });
}

/**
 * The error without the command that it answers: clients hang the command's arguments on their errors, and those are
 * payloads, and with AUTH the password.
 */
export function withoutCommand(error: unknown): Error & { code?: string } {
  if (!(error instanceof Error)) return new Error(String(error));
  const first = error instanceof AggregateError ? error.errors.find((part) => part instanceof Error) : undefined;
  const copy: Error & { code?: string } = new Error(error.message || first?.message || error.name);
  copy.name = error.name;
  if (error.stack !== undefined) copy.stack = error.stack;
  if ("code" in error && typeof error.code === "string") copy.code = error.code;
  return copy;
}
