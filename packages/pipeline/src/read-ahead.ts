import pLimit, { type LimitFunction } from "p-limit";

/*
 * Requests sent before the queue hands out the job for them. A page's job travels through the queue while its request could be under way;
 * where no other process can be given that job, its own can begin. What the queue keeps to – so many requests of a source at once, so many in
 * a time – is kept to here as well, since it knows nothing of a request without a job.
 */

export type ReadAhead<Answer> = {
  /** A request that a job sends: waits while as many of its source's are under way as may be. */
  inTurn<T>(source: string, send: () => Promise<T>): Promise<T>;
  /**
   * Sends the request of a job that is on its way, if the source may be asked now and none of its jobs waits to ask. Of an error hears
   * who takes the answer.
   *
   * @param send gives nothing where there is nothing to be asked: what becomes of the job, it finds out itself
   */
  begin(source: string, jobId: string, send: (signal: AbortSignal) => Promise<Answer | undefined>): void;
  /** What was begun for a job, once. It ends with the job's signal from then on. */
  take(source: string, jobId: string, signal: AbortSignal): Promise<Answer | undefined> | undefined;
  /** Ends what nobody took, and begins nothing any more. */
  close(): Promise<void>;
};

export type RequestLimits = { concurrency: number; rateLimit: { max: number; perMs: number } };

/** How long an answer waits for its job, which may have been taken out of the queue. */
const keptMs = 60_000;

type Begun<Answer> = { answer: Promise<Answer | undefined>; stopping: AbortController; begunAt: number };

type Lane<Answer> = {
  limits: RequestLimits;
  turns: LimitFunction;
  /** When the last requests began, as many as may in the source's time. */
  times: number[];
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
    lanes.set(source, { limits: each, turns: pLimit(each.concurrency), times: [], begun: new Map() });
  let isClosed = false;

  function inTurn<T>({ turns, times, limits: { rateLimit } }: Lane<Answer>, send: () => Promise<T>): Promise<T> {
    return turns(() => {
      if (times.push(now()) > rateLimit.max) times.shift();
      return send();
    });
  }

  /** Answers that wait for their jobs have their place too, so that a source has never more of them than it may have requests. */
  function hasRoom({ limits: { concurrency, rateLimit }, turns, times, begun }: Lane<Answer>): boolean {
    const oldest = times[0];
    const isInTime = times.length < rateLimit.max || oldest === undefined || now() - oldest >= rateLimit.perMs;
    return isInTime && turns.activeCount + turns.pendingCount < concurrency && begun.size < concurrency;
  }

  function forgetUntaken({ begun }: Lane<Answer>): void {
    for (const [jobId, { stopping, begunAt }] of begun) {
      if (now() - begunAt < keptMs) continue;
      stopping.abort();
      begun.delete(jobId);
    }
  }

  return {
    inTurn: (source, send) => {
      const lane = lanes.get(source);
      return lane === undefined ? send() : inTurn(lane, send);
    },
    begin: (source, jobId, send) => {
      const lane = lanes.get(source);
      if (lane === undefined || isClosed) return;
      forgetUntaken(lane);
      if (lane.begun.has(jobId) || !hasRoom(lane)) return;
      const stopping = new AbortController();
      const answer = inTurn(lane, () => send(stopping.signal));
      // Nobody may come to take it; whoever does hears of it.
      answer.catch(() => undefined);
      lane.begun.set(jobId, { answer, stopping, begunAt: now() });
    },
    take: (source, jobId, signal) => {
      const { begun } = lanes.get(source) ?? {};
      const taken = begun?.get(jobId);
      if (taken === undefined) return undefined;
      begun?.delete(jobId);
      if (signal.aborted) taken.stopping.abort();
      else signal.addEventListener("abort", () => taken.stopping.abort(), { once: true });
      return taken.answer;
    },
    close: async () => {
      isClosed = true;
      const untaken = [...lanes.values()].flatMap(({ begun }) => [...begun.values()]);
      for (const { stopping } of untaken) stopping.abort();
      for (const { begun } of lanes.values()) begun.clear();
      await Promise.allSettled(untaken.map(({ answer }) => answer));
    },
  };
}
