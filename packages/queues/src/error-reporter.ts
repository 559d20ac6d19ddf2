import { withoutCommand } from "./ask.ts";

export type QueueLogger = { warn(fields: object, message: string): void };

/**
 * Tells the logger of errors that nobody waits for: lost connections, mostly, repeated by every client once a second.
 */
export type ErrorReporter = (where: string, error: unknown) => void;

/** Reports the same trouble once per `everyMs`, with the number of times it was left out. */
export function createErrorReporter(logger: QueueLogger | undefined, everyMs = 30_000, now = Date.now): ErrorReporter {
  const known = new Map<string, { at: number; leftOut: number }>();
  return (where, error) => {
    const { code, message } = withoutCommand(error);
    const key = `${code ?? message}`;
    const last = known.get(key);
    if (last !== undefined && now() - last.at < everyMs) {
      last.leftOut++;
      return;
    }
    if (known.size > 100) known.clear();
    known.set(key, { at: now(), leftOut: 0 });
    logger?.warn({ queue: where, code, reason: message, leftOut: last?.leftOut ?? 0 }, "queue trouble");
  };
}
