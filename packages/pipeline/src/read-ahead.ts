import { CancelledError } from "@penstock/core/errors";
import pLimit, { type LimitFunction } from "p-limit";

/*
 * Requests sent before the queue hands out the job for them. A page's job travels through the queue while its request could be under way;
 * where no other process can be given that job, its own can begin. What the queue keeps to – so many requests of a source at once, so many in
 * a time – is kept to here as well, by all requests of the process, since it knows nothing of one without a job.
 */

/** Of one source. */
export type ReadAhead<Answer> = {
  /**
   * Sends a job's request when fewer are under way than may be.
   *
   * @throws CancelledError when `signal` is aborted before
   */
  inTurn<T>(signal: AbortSignal, send: () => Promise<T>): Promise<T>;
  /** Counts a request that is about to be sent, and gives 0; or in how many milliseconds the source's rate has room for it. */
  pace(): number;
  /**
   * Sends the request of a job that is on its way, if one may be under way and none of the source's jobs waits for that. In the place of what was
   * begun for that job before: it belongs to a page that was asked for again since. Of an error hears who takes the answer.
   *
   * @param send gives nothing where there is nothing to be asked: what becomes of the job, it finds out itself
   */
  begin(jobId: string, send: (signal: AbortSignal) => Promise<Answer | undefined>): void;
  /** Ends what was begun for a job and not taken. */
  drop(jobId: string): void;
  /** What was begun for a job, once. It ends with the job's signal from then on. */
  take(jobId: string, signal: AbortSignal): Promise<Answer | undefined> | undefined;
  /** Ends what nobody took, and begins nothing any more. Jobs may still send theirs. */
  close(): Promise<void>;
};

export type RequestLimits = { concurrency: number; rateLimit: { max: number; perMs: number } };

/** How long an answer waits for its job, which may have been taken out of the queue. */
const keptMs = 10_000;

type Begun<Answer> = { answer: Promise<Answer | undefined>; stopping: AbortController; timer: NodeJS.Timeout };

export function createReadAhead<Answer>(
  { concurrency, rateLimit: { max, perMs } }: RequestLimits,
  now: () => number = () => performance.now(),
): ReadAhead<Answer> {
  const turns = pLimit(concurrency);
  /** When the last requests were sent, `max` at most. */
  const sentAt: number[] = [];
  /** By the job's id. */
  const begun = new Map<string, Begun<Answer>>();
  const ending = new Set<Promise<unknown>>();
  let isClosed = false;

  /** Answers that wait for their jobs have their place too, so that there are never more of them than requests may be under way. */
  const hasRoom = () => turns.activeCount < concurrency && begun.size < concurrency;

  function drop(jobId: string): void {
    const untaken = begun.get(jobId);
    if (untaken === undefined) return;
    begun.delete(jobId);
    clearTimeout(untaken.timer);
    untaken.stopping.abort();
    const ended = untaken.answer.catch(() => undefined).finally(() => ending.delete(ended));
    ending.add(ended);
  }

  return {
    inTurn: (signal, send) => inTurn(turns, signal, send),
    pace: () => {
      const oldest = sentAt.length < max ? undefined : sentAt[0];
      const waitMs = oldest === undefined ? 0 : oldest + perMs - now();
      if (waitMs > 0) return Math.ceil(waitMs);
      if (sentAt.push(now()) > max) sentAt.shift();
      return 0;
    },
    begin: (jobId, send) => {
      drop(jobId);
      if (isClosed || !hasRoom()) return;
      const stopping = new AbortController();
      const answer = inTurn(turns, stopping.signal, () => send(stopping.signal));
      // Nobody may come to take it; whoever does hears of it.
      answer.catch(() => undefined);
      const timer = setTimeout(() => drop(jobId), keptMs).unref();
      begun.set(jobId, { answer, stopping, timer });
    },
    drop,
    take: (jobId, signal) => {
      const taken = begun.get(jobId);
      if (taken === undefined) return undefined;
      begun.delete(jobId);
      clearTimeout(taken.timer);
      if (signal.aborted) taken.stopping.abort();
      else signal.addEventListener("abort", () => taken.stopping.abort(), { once: true });
      return taken.answer;
    },
    close: async () => {
      isClosed = true;
      for (const jobId of begun.keys()) drop(jobId);
      await Promise.all(ending);
    },
  };
}

/** p-limit lets nobody out of the line again: who is cancelled is told so at once, and does nothing when its turn comes. */
async function inTurn<T>(turns: LimitFunction, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  const { promise: cancelled, reject } = Promise.withResolvers<never>();
  const cancel = () =>
    reject(new CancelledError("CANCELLED", "the request was cancelled while it waited for its turn"));
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const sent = turns(async () => {
    signal.removeEventListener("abort", cancel);
    return signal.aborted ? await cancelled : await send();
  });
  return await Promise.race([sent, cancelled]);
}
