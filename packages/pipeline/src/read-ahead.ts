import { CancelledError } from "@penstock/core/errors";
import pLimit, { type LimitFunction } from "p-limit";

/*
 * Requests sent before the queue hands out the job for them. A page's job travels through the queue while its request could be under way;
 * where no other process can be given that job, its own can begin. What the queue keeps to – so many requests of a source at once, so many in
 * a time – is kept to here as well, by all requests of the process, since it knows nothing of one without a job.
 */

export type ReadAhead<Answer> = {
  /**
   * Sends a job's request when fewer of its source's are under way than may be.
   *
   * @throws CancelledError when `signal` is aborted before
   */
  inTurn<T>(source: string, signal: AbortSignal, send: () => Promise<T>): Promise<T>;
  /** Counts a request that is about to be sent, and gives 0; or in how many milliseconds the source's rate has room for it. */
  pace(source: string): number;
  /**
   * Sends the request of a job that is on its way, if one may be under way and none of its source's jobs waits for that. In the place of what was
   * begun for that job before: it belongs to a page that was asked for again since. Of an error hears who takes the answer.
   *
   * @param send gives nothing where there is nothing to be asked: what becomes of the job, it finds out itself
   */
  begin(source: string, jobId: string, send: (signal: AbortSignal) => Promise<Answer | undefined>): void;
  /** Ends what was begun for a job and not taken. */
  drop(source: string, jobId: string): void;
  /** What was begun for a job, once. It ends with the job's signal from then on. */
  take(source: string, jobId: string, signal: AbortSignal): Promise<Answer | undefined> | undefined;
  /** Ends what nobody took, and begins nothing any more. Jobs may still send theirs. */
  close(): Promise<void>;
};

export type RequestLimits = { concurrency: number; rateLimit: { max: number; perMs: number } };

/** How long an answer waits for its job, which may have been taken out of the queue. */
const keptMs = 10_000;

type Begun<Answer> = { answer: Promise<Answer | undefined>; stopping: AbortController; timer: NodeJS.Timeout };

type Lane<Answer> = {
  limits: RequestLimits;
  turns: LimitFunction;
  /** When the last requests were sent, as many as may be in the source's time. */
  sentAt: number[];
  /** By the job's id. */
  begun: Map<string, Begun<Answer>>;
};

/** @param limits by source */
export function createReadAhead<Answer>(
  limits: ReadonlyMap<string, RequestLimits>,
  now: () => number = () => performance.now(),
): ReadAhead<Answer> {
  const lanes = new Map<string, Lane<Answer>>();
  for (const [source, each] of limits)
    lanes.set(source, { limits: each, turns: pLimit(each.concurrency), sentAt: [], begun: new Map() });
  const ending = new Set<Promise<unknown>>();
  let isClosed = false;

  /** Answers that wait for their jobs have their place too, so that a source has never more of them than it may have requests. */
  function hasRoom({ limits: { concurrency }, turns, begun }: Lane<Answer>): boolean {
    return turns.activeCount < concurrency && begun.size < concurrency;
  }

  function drop({ begun }: Lane<Answer>, jobId: string): void {
    const untaken = begun.get(jobId);
    if (untaken === undefined) return;
    begun.delete(jobId);
    clearTimeout(untaken.timer);
    untaken.stopping.abort();
    const ended = untaken.answer.catch(() => undefined).finally(() => ending.delete(ended));
    ending.add(ended);
  }

  return {
    inTurn: async (source, signal, send) => {
      const lane = lanes.get(source);
      return lane === undefined ? await send() : await inTurn(lane.turns, signal, send);
    },
    pace: (source) => {
      const lane = lanes.get(source);
      if (lane === undefined) return 0;
      const { sentAt, limits } = lane;
      const { max, perMs } = limits.rateLimit;
      const oldest = sentAt.length < max ? undefined : sentAt[0];
      const waitMs = oldest === undefined ? 0 : oldest + perMs - now();
      if (waitMs > 0) return Math.ceil(waitMs);
      if (sentAt.push(now()) > max) sentAt.shift();
      return 0;
    },
    begin: (source, jobId, send) => {
      const lane = lanes.get(source);
      if (lane === undefined) return;
      drop(lane, jobId);
      if (isClosed || !hasRoom(lane)) return;
      const stopping = new AbortController();
      const answer = inTurn(lane.turns, stopping.signal, () => send(stopping.signal));
      // Nobody may come to take it; whoever does hears of it.
      answer.catch(() => undefined);
      const timer = setTimeout(() => drop(lane, jobId), keptMs).unref();
      lane.begun.set(jobId, { answer, stopping, timer });
    },
    drop: (source, jobId) => {
      const lane = lanes.get(source);
      if (lane !== undefined) drop(lane, jobId);
    },
    take: (source, jobId, signal) => {
      const { begun } = lanes.get(source) ?? {};
      const taken = begun?.get(jobId);
      if (taken === undefined) return undefined;
      begun?.delete(jobId);
      clearTimeout(taken.timer);
      if (signal.aborted) taken.stopping.abort();
      else signal.addEventListener("abort", () => taken.stopping.abort(), { once: true });
      return taken.answer;
    },
    close: async () => {
      isClosed = true;
      for (const lane of lanes.values()) for (const jobId of lane.begun.keys()) drop(lane, jobId);
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
