import type { RunState } from "@penstock/store/store";

/** A run, and how long ago it was asked for and was there. */
export type ReadRun = { state: RunState; ageMs(): number; sinceAnswerMs(): number };

/**
 * Runs as they were read a moment ago: where pages follow each other within milliseconds, one question to the database stands for several requests.
 */
export type RecentRuns = {
  /** What was read of a run within the last {@link keptMs}, its clock moved on since. */
  recall(runId: string): ReadRun | undefined;
  read(runId: string): Promise<ReadRun | undefined>;
  /** What was read until now, or is on its way, is not recalled any more. */
  forget(): void;
};

/** No longer than a request is under way, which whoever pauses a stream or ends its run must reckon with anyway. */
const keptMs = 25;

export function createRecentRuns(
  readRun: (runId: string) => Promise<RunState | undefined>,
  now: () => number = () => performance.now(),
): RecentRuns {
  /** In the order in which they were there. */
  let known = new Map<string, ReadRun>();

  function removeOld(): void {
    for (const [runId, { sinceAnswerMs }] of known) {
      if (sinceAnswerMs() < keptMs) return;
      known.delete(runId);
    }
  }

  return {
    recall: (runId) => {
      removeOld();
      const last = known.get(runId);
      return last && last.ageMs() < keptMs ? { ...last, state: laterBy(last.sinceAnswerMs(), last.state) } : undefined;
    },
    read: async (runId) => {
      const into = known;
      const read = await readOnce(readRun, runId, now);
      // Of two at once the one that was asked for later may be there first.
      if (read === undefined || read.ageMs() > (into.get(runId)?.ageMs() ?? Number.POSITIVE_INFINITY)) return read;
      into.delete(runId);
      into.set(runId, read);
      return read;
    },
    forget: () => {
      known = new Map();
    },
  };
}

/** The run as the database has it. */
export async function readOnce(
  readRun: (runId: string) => Promise<RunState | undefined>,
  runId: string,
  now: () => number = () => performance.now(),
): Promise<ReadRun | undefined> {
  const askedAt = now();
  const state = await readRun(runId);
  const answeredAt = now();
  return state && { state, ageMs: () => now() - askedAt, sinceAnswerMs: () => now() - answeredAt };
}

/** The database told its clock before its answer was here, so it is as late as that by now at least: as it was before a request, where it is read for one. */
function laterBy(ms: number, state: RunState): RunState {
  return { ...state, now: new Date(state.now.getTime() + ms) };
}
