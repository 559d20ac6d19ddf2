import type { ErrorCode } from "@penstock/core/error-codes";
import { PermanentError, TransientError } from "@penstock/core/errors";
import { Tinypool } from "tinypool";
import type { PackedPage, PageTransformer, TransformedPage } from "./page-transformer.ts";

/** What a thread needs to load the same sources: the folder of their files, and the environment they are configured from. */
export type ThreadSources = { sourcesDir: string; env: Record<string, string | undefined> };

/** What a thread answers. Errors lose their class between threads: `code` is that of a permanent error, `null` a bug's. */
export type ThreadAnswer =
  | { kind: "transformed"; page: TransformedPage }
  | { kind: "failed"; code: ErrorCode | null; message: string; stack: string };

export type ThreadOptions = {
  threads: number;
  /**
   * The longest a page may take, waiting for the pages before it included: a transform that never returns can only be
   * ended with its thread. Default two minutes.
   */
  timeoutMs?: number | undefined;
};

/**
 * Transforms in threads of their own, so that validation runs beside the commits, and neither a big page nor a source's
 * own code, whatever it does, keeps this thread from renewing locks and answering health checks.
 */
export function createTransformThreads(
  { threads, timeoutMs = 120_000 }: ThreadOptions,
  workerData: ThreadSources,
): PageTransformer & AsyncDisposable {
  const pool = new Tinypool({
    filename: new URL("./transform-thread-main.ts", import.meta.url).href,
    workerData,
    minThreads: threads,
    maxThreads: threads,
    isolateWorkers: false,
  });
  return {
    transform: async (page) => readAnswer(await ask(pool, page, timeoutMs), page),
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

async function ask(pool: Tinypool, page: PackedPage, timeoutMs: number): Promise<ThreadAnswer> {
  // Not AbortSignal.timeout: that one would hold the page until the time is over, which is long after the page is done.
  const stopping = new AbortController();
  const { signal } = stopping;
  const timer = setTimeout(() => stopping.abort(), timeoutMs);
  try {
    return await pool.run(page, { signal });
  } catch (cause) {
    const { source, stream, seq } = page;
    const what = signal.aborted ? `took longer than ${timeoutMs / 1_000} s` : "ended its thread";
    throw new TransientError("TRANSFORM_STOPPED", `${source}.${stream}: the transform of page ${seq} ${what}`, {
      source,
      stream,
      seq,
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

function readAnswer(answer: ThreadAnswer, { source, stream, seq }: PackedPage): TransformedPage {
  if (answer.kind === "transformed") return answer.page;
  const { code, message, stack } = answer;
  const thrown = Object.assign(new Error(message), { stack });
  throw code === null ? thrown : new PermanentError(code, message, { source, stream, seq, cause: thrown });
}
